"""Talking to a model: loading it, asking it, and what it answers on the screen."""

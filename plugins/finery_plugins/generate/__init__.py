"""Chats completed by a server or a local model: asked once, kept, and paid for within bounds."""

"""The kernel's half of each hook."""

"""A run while it goes on, as files tell of it: on a terminal, or in a browser on this machine."""

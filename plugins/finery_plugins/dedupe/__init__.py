"""Built-in plugins for the hook that the folder is named for."""

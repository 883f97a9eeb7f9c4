"""Where the work of a pass happens."""

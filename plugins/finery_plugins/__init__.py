"""The built-in plugins: found by entry points and written against public names, like anyone's."""

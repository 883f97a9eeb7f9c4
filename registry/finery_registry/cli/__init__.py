"""The registry's verbs of `finery plugins`, one a file; entry points of `finery.command.plugins` name them."""

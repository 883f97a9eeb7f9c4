"""The community index: find, verify, install and lock plugins."""

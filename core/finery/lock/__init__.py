"""The lock: what a pipeline ran with, written beside it, and held against what is installed before it runs again."""

"""What `finery plugins new` begins a distribution with: a small plugin that works for each hook, and its test."""

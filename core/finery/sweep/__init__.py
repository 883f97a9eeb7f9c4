"""What each threshold of a filter would keep, from the records as they stand before it."""

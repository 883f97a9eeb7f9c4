"""Full-text and n-gram search over the records of a data set, by an index that is built once for what they hold."""

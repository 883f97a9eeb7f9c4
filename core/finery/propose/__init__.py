"""From what evaluations would change in the data to a pipeline that does: what `finery propose` does."""

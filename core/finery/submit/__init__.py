"""A pipeline handed to a Ray cluster as a job: what goes along, what must be there, and how it is followed."""

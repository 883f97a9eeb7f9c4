"""What a run will need: tokens, memory, time and cost; what else would do; and what earlier runs teach of it."""

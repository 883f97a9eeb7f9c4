"""What is in some data: counts, lengths, languages, duplicates, and what each rule set would drop."""

"""What was seen, as a log of entries that can be searched."""

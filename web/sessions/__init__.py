"""Sessions: their registry, the record of each, and who is there."""

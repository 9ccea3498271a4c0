"""Languages other than English: which one is spoken, how it is written, and translation."""

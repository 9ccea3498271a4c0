"""Media files: opening, decoding in parallel at keyframes, writing."""

"""Media files: decoding, sampling with GOPs in parallel, writing."""

"""ReKV: the KV cache of a whole stream, retrieved by question."""

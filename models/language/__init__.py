"""Decoder-only language models with an explicit KV cache."""

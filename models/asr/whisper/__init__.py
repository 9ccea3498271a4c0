"""Whisper: the network, its tokenizer, offline decoding and word alignment."""

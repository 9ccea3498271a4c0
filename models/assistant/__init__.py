"""Assistants that watch a stream and answer questions about it."""

"""Frames to memory, questions to answers."""

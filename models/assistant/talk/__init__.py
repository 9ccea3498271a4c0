"""Conversation with the small model: what kind of text was said, and an answer by rule."""

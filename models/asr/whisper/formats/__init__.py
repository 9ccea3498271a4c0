"""Whisper checkpoints in the formats that others publish."""

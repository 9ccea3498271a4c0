"""Transcribing recordings and turns that are complete."""

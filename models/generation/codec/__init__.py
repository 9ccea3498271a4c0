"""Frames to latents and back, and frames made larger."""

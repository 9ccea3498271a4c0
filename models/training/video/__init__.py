"""Training of the video codec and the video model."""

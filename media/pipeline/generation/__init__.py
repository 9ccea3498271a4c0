"""Video generation in a session: controls in, paced frames out."""

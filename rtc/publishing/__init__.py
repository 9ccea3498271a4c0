"""A publisher: sends a clip or a camera to a WHIP endpoint, and follows its steering."""

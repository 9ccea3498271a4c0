"""Video frames to memory, questions to answers."""

"""Video-LLMs: vision towers and their projection into a language model."""

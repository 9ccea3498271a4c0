"""Training of the causal Whisper adapters, and the speech corpus."""

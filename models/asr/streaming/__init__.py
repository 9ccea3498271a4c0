"""Streaming recognition with Whisper: LocalAgreement-2, the causal encoder, the final pass."""

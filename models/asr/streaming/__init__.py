"""Streaming recognition with Whisper: LocalAgreement-2, causal Whisper, the final pass."""

"""Streaming recognition with Whisper: LocalAgreement-2 and causal Whisper."""

"""Transcriptions and translations of uploaded files."""

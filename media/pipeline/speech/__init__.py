"""Answers to speech."""

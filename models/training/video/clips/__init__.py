"""Synthetic clips: photographed objects that move over backgrounds."""

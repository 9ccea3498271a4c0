"""Tuning of when a standing request is met."""

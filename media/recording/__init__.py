"""Recordings of sessions: written while a session runs, and read again as its source."""

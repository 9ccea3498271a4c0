"""Recordings of sessions: written while a session runs, read again as a source."""

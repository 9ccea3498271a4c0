"""Responses: their events, the conversation that they see, and calls of functions."""

"""Audio to turns, turns to captions."""

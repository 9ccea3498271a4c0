"""A prompt to things with motions and a background, and what users are told of the rest."""

"""ICE: which addresses are found and how fast, whether a peer is still there, another path."""

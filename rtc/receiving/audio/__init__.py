"""Audio from RTP packets to chunks of a session: order, gaps, decoding, place in time."""

"""What we send: encoders, pacing, history and the sender that joins them."""

"""Training of the small assistant on synthetic scene logs."""

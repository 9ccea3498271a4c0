"""Training of the small assistant on made-up scene logs."""

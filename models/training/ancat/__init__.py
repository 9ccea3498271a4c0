"""Training of ANCAT."""

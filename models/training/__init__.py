"""Training of the weights in models/checkpoints; nothing here is imported at run time."""

"""How the weights in models/checkpoints were made; nothing here is imported at run time."""

"""How long tests wait for something that must come: a busy machine is no failure."""

PATIENCE = 300.0  # seconds after which it is taken to hang

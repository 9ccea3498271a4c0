"""`eyeline doctor`: checks of this machine."""

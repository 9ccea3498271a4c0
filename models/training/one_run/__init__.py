"""The training of all video models in one run of minutes, for one GPU and the cores beside it."""

"""The folder of the weights that this project trained."""

from pathlib import Path

CHECKPOINTS = Path(__file__).parent / "checkpoints"

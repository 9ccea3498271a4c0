"""Where the weights lie that this project trained itself."""

from pathlib import Path

CHECKPOINTS = Path(__file__).parent / "checkpoints"

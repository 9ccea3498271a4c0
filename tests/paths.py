"""Where tests find the checkout and its small data."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests" / "data"
SPEECH = DATA / "speech"
WEIGHTS = ROOT / ".cache" / "eyeline" / "weights"
SAMPLE = ROOT / "web" / "page" / "static" / "sample.webm"

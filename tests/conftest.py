"""What tests of several folders share: the real models, loaded once."""

from collections.abc import Iterator

import pytest

from web.compose import LoadedModels, compose
from web.config import Settings, read_settings


@pytest.fixture(scope="session")
def settings() -> Settings:
    """The settings that the service has by default."""
    return read_settings()


@pytest.fixture(scope="session")
def composed(settings: Settings) -> Iterator[LoadedModels]:
    """The services with real weights, which are fetched if they are not there yet."""
    with compose(settings) as made:
        yield made

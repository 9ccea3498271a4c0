"""What tests of several folders share: the real models, loaded once."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.event_loop import LIMIT, slow_callbacks
from web.config import Settings, read_settings
from web.loading.models import LoadedModels, load_models

# A busy machine is no failure.
hypothesis_settings.register_profile(
    "eyeline", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("eyeline")


def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes `-n auto` is: one more than cores, as browser tests mostly wait."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(autouse=True)
def quick_callbacks() -> Iterator[None]:
    """Nothing may keep an event loop busy: it is late for everybody's sound and pictures."""
    with slow_callbacks() as slow:
        yield
    assert not slow, f"callbacks over {LIMIT} s on an event loop:\n" + "\n".join(slow)


@pytest.fixture(scope="session")
def settings() -> Settings:
    """The settings that the service has by default."""
    return read_settings()


@pytest.fixture(scope="session")
def models(settings: Settings) -> Iterator[LoadedModels]:
    """The services with real weights, which are fetched if they are not there yet."""
    with load_models(settings) as made:
        yield made

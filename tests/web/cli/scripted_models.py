"""Models for tests of commands, without weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from media.pipeline.limits import Limits
from tests.media.pipeline.scripted import scripted_services
from web.config import Settings
from web.loading.models import LoadedModels


@contextmanager
def scripted_models(
    _settings: Settings, _command: str = "", **changes: Any
) -> Iterator[LoadedModels]:
    """Models whose recognizer writes `w0`, `w1`, ... for each 0.2 s of a loud turn."""
    with scripted_services(**changes) as services:
        yield LoadedModels(services=services, limits=Limits())

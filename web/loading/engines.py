"""The engines of the networks, as the settings choose them."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from trt_engines.choice import NAMES, choose
from trt_engines.loading import LoadedEngine, StoredEngines
from trt_engines.store.folder import EngineFolder
from trt_engines.store.maker import Maker
from trt_engines.store.making import EngineStore
from web.config import Settings
from web.loading.progress import making_progress

logger = logging.getLogger(__name__)


@contextmanager
def stored_engines(settings: Settings) -> Iterator[StoredEngines]:
    """Return the loader of engines; the process that makes them ends with the block.

    Raises:
        EngineError: the backend or the device of the settings is not available.
    """
    choice = choose(settings.backend, settings.device, settings.dtype)
    with Maker() as maker:
        store = EngineStore(EngineFolder(settings.engines), maker, making_progress())
        load_engine = StoredEngines(store, choice, threads=settings.threads_in_use)
        yield load_engine
    for line in summaries(load_engine.loaded):
        logger.info("%s", line)


def summaries(engines: Iterable[LoadedEngine]) -> tuple[str, ...]:
    """Return a line for each backend and precision: how many networks it runs, and why."""
    counts = Counter(
        (NAMES[each.backend], each.device, each.precision, each.why) for each in engines
    )
    return tuple(
        f"{count} network{'s' * (count > 1)} run{'s' * (count == 1)} in {name} on {device}, "
        f"{precision}: {why}"
        for (name, device, precision, why), count in counts.items()
    )

"""The engines of the networks, as the settings choose them."""

from collections import Counter
from collections.abc import Iterable

from trt_engines.choice import NAMES, choose
from trt_engines.loading import LoadedEngine, StoredEngines
from trt_engines.store.folder import EngineFolder
from web.config import Settings


def stored_engines(settings: Settings) -> StoredEngines:
    """Return the loader of engines; its `with` block ends the process that exports."""
    return StoredEngines(
        EngineFolder(settings.engines),
        choose(settings.backend),
        threads=settings.threads_in_use,
    )


def summaries(engines: Iterable[LoadedEngine]) -> tuple[str, ...]:
    """Return a line for each backend: how many networks it runs, and why."""
    counts = Counter((NAMES[each.backend], each.why) for each in engines)
    return tuple(
        f"{count} network{'s' * (count > 1)} run{'s' * (count == 1)} in {name}: {why}"
        for (name, why), count in counts.items()
    )

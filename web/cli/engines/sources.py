"""The networks that the settings name, found by loading their models without running them."""

from models.engine import Engine, NetworkSource
from trt_engines.loading import LateEngine
from web.config import Settings
from web.errors import UsageError
from web.loading.asr import load_asr
from web.loading.models import load_assistant, load_generator
from web.loading.needs import fetch, needs


def networks(
    settings: Settings, name: str | None = None, *, fixed_caches: bool = False
) -> list[NetworkSource]:
    """Return the networks of the service in the order of their names, or the one named `name`.

    TensorRT needs `fixed_caches`.

    Raises:
        UsageError: there is none of this name.
        ModelError: weights cannot be downloaded or are damaged.
    """
    found: dict[str, NetworkSource] = {}

    def noted(source: NetworkSource) -> Engine:
        found[source.spec.name] = source
        return LateEngine(source)

    fetch(needs(settings, "serve"), settings)
    load_asr(settings, noted)
    load_assistant(settings, noted, noted, fixed_caches=fixed_caches)
    load_generator(settings, noted)
    if name is None:
        return [found[each] for each in sorted(found)]
    if name not in found:
        raise UsageError(f"no network is named {name!r}; there are {', '.join(sorted(found))}")
    return [found[name]]

"""`eyeline engines build`, `list`, `verify`, `clean` and `accept`."""

import argparse
import json
import sys
from collections.abc import Iterator

from trt_engines.choice import ON_GPUS, choose
from trt_engines.loading import StoredEngines
from trt_engines.precision import precision_of
from trt_engines.store.folder import EngineFolder, StoredEngine
from trt_engines.store.maker import Maker
from trt_engines.store.making import EngineStore
from trt_engines.store.upkeep import clean, current_versions, outdated, verify
from web.cli.engines.accept import accept_engines
from web.cli.engines.sources import networks
from web.config import Settings
from web.loading.progress import making_progress


def run_action(settings: Settings, arguments: argparse.Namespace) -> int:
    """Run the action in `arguments`, and return the exit status.

    Raises:
        UsageError: no network has the given name.
        ModelError: a network cannot be exported, compiled or stored.
    """
    folder = EngineFolder(settings.engines)
    action = arguments.action
    if action == "build":
        return build(settings, folder, arguments.name, arguments.target)
    if action == "list":
        return show(folder, as_json=arguments.json)
    if action == "verify":
        return check(folder)
    if action == "accept":
        return accept_engines(
            settings, arguments.name, soak=arguments.soak, report=arguments.report
        )
    assert action == "clean"
    count = len(list(clean(folder, everything=arguments.all)))
    _print(f"{count} files were deleted from {folder.home}")
    return 0


def build(
    settings: Settings, folder: EngineFolder, name: str | None, targets: tuple[str, ...]
) -> int:
    """Make what is missing, for this machine or for `targets`, and print a line for each file."""
    with Maker() as maker:
        store = EngineStore(folder, maker, making_progress())
        made = (
            _for_targets(settings, store, name, targets)
            if targets
            else _for_here(settings, store, name)
        )
        for stored in made:
            _print(_line(stored))
    return 0


def _for_targets(
    settings: Settings, store: EngineStore, name: str | None, targets: tuple[str, ...]
) -> Iterator[StoredEngine]:
    """Compile with TensorRT-RTX, in the precision that those GPUs would choose."""
    wish = ON_GPUS if settings.dtype == "auto" else settings.dtype
    for source in networks(settings, name, fixed_caches=True):
        for target in targets:
            yield store.compiled(source, "tensorrt_rtx", target, precision_of(source, wish))


def _for_here(settings: Settings, store: EngineStore, name: str | None) -> Iterator[StoredEngine]:
    choice = choose(settings.backend, settings.device, settings.dtype)
    engines = StoredEngines(store, choice)
    for source in networks(settings, name, fixed_caches=choice.fixed_caches):
        yield engines.stored(source)


def show(folder: EngineFolder, *, as_json: bool) -> int:
    """Print what is stored: name, key, kind, size, and why it is of no use here, if it is not."""
    versions = current_versions()
    stored = [(each, outdated(each, versions)) for each in folder.engines()]
    if as_json:
        rows = [{**each.details, "size": each.size, "outdated": why} for each, why in stored]
        _print(json.dumps(rows, indent=2))
        return 0
    for each, why in stored:
        _print(_line(each) + (f"  outdated: {why}" if why else ""))
    _print(f"{len(stored)} in {folder.home}")
    return 0


def check(folder: EngineFolder) -> int:
    """Compare all checksums, and print a line for each engine; return 1 if one is damaged."""
    damaged = 0
    for sidecar, problem in verify(folder):
        damaged += bool(problem)
        state = f"damaged  {problem}" if problem else "ok"
        _print(f"{sidecar.parent.name:<28} {sidecar.stem[:12]}  {state}")
    if damaged:
        _print(f"{damaged} damaged: the next start makes them again")
    return int(damaged > 0)


def _line(stored: StoredEngine) -> str:
    made_from = stored.details.get("made_from", {})
    kind = f"{made_from['library']} {made_from['target']}" if "library" in made_from else "onnx"
    precision = made_from.get("precision", "float32")
    size = f"{stored.size / 1e6:8.1f} MB"
    return f"{stored.name:<28} {stored.key[:12]}  {size}  {kind} {precision}"


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()

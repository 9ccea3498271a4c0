"""`eyeline engines build`, `list`, `verify`, `clean` and `accept`."""

import argparse
import json
import sys

from models.engine import NetworkSource
from trt_engines.backends.tensorrt_library import own_target
from trt_engines.choice import choose
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
    choice = choose(settings.backend, settings.device)
    sources = networks(settings, name, fixed_caches=bool(targets) or choice.fixed_caches)
    with Maker() as maker:
        store = EngineStore(folder, maker, making_progress())
        for source in sources:
            for stored in _built(settings, store, source, targets):
                _print(_line(stored))
    return 0


def _built(
    settings: Settings, store: EngineStore, source: NetworkSource, targets: tuple[str, ...]
) -> list[StoredEngine]:
    if targets:
        return [store.compiled(source, "tensorrt_rtx", target) for target in targets]
    choice = choose(settings.backend, settings.device)
    if choice.backend == "tensorrt" or choice.backend == "tensorrt_rtx":
        own = own_target(choice.device)
        assert own is not None
        return [store.compiled(source, choice.backend, own)]
    return [store.onnx(source, int8=source.int8)]


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
    return f"{stored.name:<28} {stored.key[:12]}  {stored.size / 1e6:8.1f} MB  {kind}"


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()

"""`eyeline engines accept`: what only a run on this machine can prove."""

import json
import logging
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from trt_engines.acceptance.checks import Case, accept, accept_soak, accept_store
from trt_engines.acceptance.outcome import Outcome
from trt_engines.backends.tensorrt_library import own_target
from trt_engines.choice import NAMES, ON_GPU, Choice, choose, choose_device, obstacle
from trt_engines.detect import as_text, detect
from trt_engines.store.maker import Maker
from web.cli.engines.sources import networks
from web.config import Settings
from web.loading.progress import making_progress


def accept_engines(
    settings: Settings, name: str | None, *, soak: float, report: Path | None
) -> int:
    """Check each network with the backend of the settings; return 1 if a check fails, else 0.

    The engines are built in a temporary folder, so nothing that is stored is touched.

    Raises:
        UsageError: no network has the given name.
        EngineError: the backend of the settings does not run here.
    """
    choice = choose(settings.backend, settings.device, settings.dtype)
    sources = networks(settings, name, fixed_caches=choice.fixed_caches)
    _print(as_text(detect()).rstrip())
    _print(f"torch {version('torch')}, {own_target(choice.device) or 'no GPU'}; {choice}\n")
    outcomes = [_told(each) for each in _libraries(settings)]
    logging.getLogger("trt_engines.store").setLevel(logging.ERROR)  # damage is on purpose here
    with Maker() as maker, tempfile.TemporaryDirectory(prefix="eyeline-accept-") as home:
        cases = [
            Case(
                source=source,
                choice=choice,
                maker=maker,
                home=Path(home),
                report=making_progress(),
                soak=soak / len(sources),
            )
            for source in sources
        ]
        for each in _checks(cases):
            outcomes.append(_told(each))
            _write(report, choice, outcomes)
    failed = sum(each.verdict == "FAIL" for each in outcomes)
    _print(f"\n{len(outcomes)} checks, {failed} failed")
    return int(failed > 0)


def _checks(cases: Sequence[Case]) -> Iterator[Outcome]:
    """Return the outcomes, those that say most first: time on a GPU may end at any moment."""
    took = {}
    for case in cases:
        began = time.monotonic()
        yield from accept(case)
        took[case.source.spec.name] = time.monotonic() - began
    yield from accept_store(min(cases, key=lambda case: took[case.source.spec.name]))
    for case in cases:
        if case.soak > 0:
            yield from accept_soak(case)


def _write(report: Path | None, choice: Choice, outcomes: Sequence[Outcome]) -> None:
    if report is not None:
        rows = [asdict(each) for each in outcomes]
        report.write_text(json.dumps({"choice": str(choice), "outcomes": rows}, indent=2) + "\n")


def _libraries(settings: Settings) -> list[Outcome]:
    """Say of each library whether it runs on the device, and why not."""
    device = choose_device(settings.device)
    found = []
    for library in ON_GPU:
        why = obstacle(library, device)
        found.append(
            Outcome(
                network="-",
                check=NAMES[library],
                verdict="PASS" if why is None else "SKIP",
                found=f"runs on {device}" if why is None else f"not on {device}: {why}",
            )
        )
    return found


def _told(outcome: Outcome) -> Outcome:
    _print(str(outcome))
    return outcome


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()

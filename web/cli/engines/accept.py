"""`eyeline engines accept`: what only a run on this machine can prove."""

import json
import logging
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from trt_engines.acceptance.checks import Case, accept
from trt_engines.acceptance.outcome import Outcome
from trt_engines.backends.tensorrt_library import LIBRARIES, own_target
from trt_engines.choice import NAMES, choose, obstacle
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
    choice = choose(settings.backend, settings.device)
    sources = networks(settings, name, fixed_caches=choice.fixed_caches)
    _print(as_text(detect()).rstrip())
    _print(f"torch {version('torch')}, {own_target(choice.device) or 'no GPU'}; {choice}\n")
    outcomes = [_told(each) for each in _libraries(settings)]
    logging.getLogger("trt_engines.store").setLevel(logging.ERROR)  # damage is on purpose here
    with Maker() as maker, tempfile.TemporaryDirectory(prefix="eyeline-accept-") as home:
        for source in sources:
            case = Case(
                source=source,
                choice=choice,
                maker=maker,
                home=Path(home),
                report=making_progress(),
                soak=soak / len(sources),
            )
            outcomes += [_told(each) for each in accept(case)]
    failed = sum(each.verdict == "FAIL" for each in outcomes)
    _print(f"\n{len(outcomes)} checks, {failed} failed")
    if report is not None:
        rows = [asdict(each) for each in outcomes]
        report.write_text(json.dumps({"choice": str(choice), "outcomes": rows}, indent=2) + "\n")
    return int(failed > 0)


def _libraries(settings: Settings) -> list[Outcome]:
    """Say of each library that compiles engines whether it runs here, and why not."""
    device = choose("auto", settings.device).device
    found = []
    for library in LIBRARIES:
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

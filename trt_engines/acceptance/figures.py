"""Times and memory of a running engine."""

import resource
import statistics
import sys
import threading
import time
from collections.abc import Callable

import torch

from models.engine import Engine
from trt_engines.acceptance.rollout import Measure, Rollout, deviation

WARM_UP = 5  # runs that are not counted


def latencies(run: Callable[[int], object], count: int) -> dict[str, float]:
    """Return p50, p95 and p99 of `run(step)` in milliseconds, over `count` steps."""
    times = []
    for step in range(WARM_UP + count):
        began = time.perf_counter()
        run(step)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - began))
    cuts = statistics.quantiles(times[WARM_UP:], n=100, method="inclusive")
    return {"p50_ms": cuts[49], "p95_ms": cuts[94], "p99_ms": cuts[98]}


def memory(device: torch.device) -> dict[str, float]:
    """Return what the process has used at most, and what is in use on the GPU, in MB."""
    factor = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * factor
    found = {"peak_mb": peak / 1e6}
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        found["gpu_mb"] = (total - free) / 1e6
    return found


def soak(
    steps: Rollout,
    engine: Engine,
    reference: Engine,
    seconds: float,
    measure: Measure,
    count: int = 20,
) -> tuple[int, float]:
    """Let two sessions run at once for `seconds`; return their rounds and the worst deviation.

    A round of a session is a rollout of `count` steps with inputs of its own.
    """
    ends = time.monotonic() + seconds
    results: list[float] = []
    errors: list[BaseException] = []

    def session(seed: int) -> None:
        own = Rollout(spec=steps.spec, cursors=steps.cursors, seed=seed)
        try:
            while not results or time.monotonic() < ends:
                results.append(deviation(own, engine, reference, count, measure))
        except BaseException as error:  # noqa: BLE001  (raised by the caller's thread)
            errors.append(error)

    threads = [threading.Thread(target=session, args=(1000 * each,)) for each in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return len(results), max(results)

"""What several streams of speech in one run of a network cost: CPU milliseconds a stream.

    python -m tests.bench.bench_speech_batches [--model tiny.en]

On one thread, for 1, 2, 4 and 8 streams: each network as the service runs it alone, and as float32
where that differs, since runs are gathered in float32 only. The least of several runs counts; the
factor is against one stream of the network as it runs alone. What gathering itself costs (copies of
caches, threads that wait) is not in it.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from models.asr.ancat.loading import BEAM, load_shipped
from models.asr.streaming.causal_loading import make_causal
from models.asr.whisper.loading import load_whisper
from models.engine import DimensionRange, Engine, EngineLoader, NetworkSource
from trt_engines.export import example_inputs
from web.config import Settings, read_settings
from web.loading.engines import stored_engines

STREAMS = (1, 2, 4, 8)
Inputs = dict[str, Tensor]


class Kept:
    """An `EngineLoader` that keeps what it loaded, by name."""

    def __init__(self, load_engine: EngineLoader, *, int8: bool) -> None:
        self.engines: dict[str, Engine] = {}
        self._load, self._int8 = load_engine, int8

    def __call__(self, source: NetworkSource) -> Engine:
        source = replace(source, int8=source.int8 and self._int8)
        engine = self.engines[source.spec.name] = self._load(source)
        return engine


def inputs_of(engine: Engine, **lengths: int) -> Inputs:
    """Return inputs at random with dimensions of these `lengths`; every slot is visible."""
    profile = {name: DimensionRange(n, n, n) for name, n in lengths.items()}
    spec = replace(engine.spec, state=(), profiles=(profile,))
    names = [each.name for each in spec.inputs]
    return dict(zip(names, example_inputs(spec), strict=True))


def milliseconds(engine: Engine, inputs: Inputs, streams: int, *, stateful: bool) -> float:
    state = engine.new_state(batch=streams) if stateful else None
    found = []
    for _ in range(8):
        begin = time.thread_time()
        engine.run(inputs, state)
        found.append(time.thread_time() - begin)
    return 1000 * min(found[2:])


def row(name: str, one: Callable[[int], float], alone: float) -> None:
    each = [one(streams) / streams for streams in STREAMS]
    print(f"{name:44}" + "".join(f"{ms:8.2f} x{alone / ms:4.2f}" for ms in each), flush=True)


def table(settings: Settings, model: str) -> None:
    with stored_engines(settings) as load_engine:
        kept = {int8: Kept(load_engine, int8=int8) for int8 in (True, False)}
        load_whisper(model, settings.weights, kept[True], threads=1)
        whisper = load_whisper(model, settings.weights, kept[False], threads=1)
        offline = {int8: dict(each.engines) for int8, each in kept.items()}
        make_causal(whisper, kept[False])
        for each in kept.values():
            load_shipped(settings.weights, each)
    causal, ancat = kept[False].engines, {int8: each.engines for int8, each in kept.items()}
    print(f"{'CPU ms a stream, one thread; streams:':44}" + "".join(f"{n:14}" for n in STREAMS))
    for seconds in (4, 12):
        name = f"Whisper's encoder, {seconds} s"
        both(name, offline, "whisper-encoder", "batch", frames=50 * seconds)
    for count in (1, 5, 24):
        lengths = {"count": count, "scored": count, "frames": 1500}
        both(f"Whisper's decoder, {count} tokens", offline, "whisper-decoder", "batch", **lengths)
    only = {False: causal}
    both("causal encoder, 0.3 s", only, "whisper-causal-encoder", "batch", frames=15)
    lengths = {"count": 1, "scored": 1, "frames": 500}
    both("causal decoder, 1 token, 10 s", only, "whisper-decoder", "batch", **lengths)
    both("ANCAT's encoder, 80 ms", ancat, "ancat-encoder", "batch", pairs=2, frames=4, slots=256)
    only = {False: ancat[False]}
    both(f"ANCAT's predictor, {BEAM} rows each", only, "ancat-predictor", "rows", each=BEAM)
    both(f"ANCAT's joiner, {BEAM} rows each", only, "ancat-joiner", "rows", each=BEAM)


def both(
    name: str,
    engines: dict[bool, dict[str, Engine]],
    network: str,
    dimension: str,
    *,
    each: int = 1,
    **lengths: int,
) -> None:
    """Print rows for `network` with 8 bits, if it has them, and as float32."""
    alone: float | None = None
    for int8 in sorted(engines, reverse=True):
        engine = engines[int8][network]
        stateful = bool(engine.spec.state)

        def one(streams: int, engine: Engine = engine, stateful: bool = stateful) -> float:
            inputs = inputs_of(engine, **{dimension: each * streams}, **lengths)
            return milliseconds(engine, inputs, each * streams, stateful=stateful)

        alone = alone or one(1)
        row(f"{name}, {'int8' if int8 else 'float32'}", one, alone)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny.en")
    options = parser.parse_args()
    torch.set_num_threads(1)
    table(read_settings(threads=1), options.model)


if __name__ == "__main__":
    main()

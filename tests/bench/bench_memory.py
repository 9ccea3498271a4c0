"""What remembering and asking cost, and that asking does not grow with the stream.

    python -m tests.bench.bench_memory --frames 50 1600

A decoder of the shape of SmolLM2-135M's, cut to a few layers, with random weights: times do not
depend on what the weights are. `dense` reads the whole video again for the question.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from models.language.decoder import Decoder, DecoderConfig
from models.memory.kv_store.tiers import StoreBudget, open_store
from models.memory.prefill import Frame, RekvState
from models.memory.rekv import Rekv, RekvConfig
from tests.models.memory.answering import rekv_answer

SHAPE = DecoderConfig(
    vocabulary=1000,
    width=576,
    layers=4,
    heads=9,
    key_heads=3,
    head_width=64,
    inner_width=1536,
    theta=1e5,
)
TOKENS = 16  # in a frame
LONGEST = 400  # frames that are read densely


def best(call: Callable[[], object], *, times: int = 3) -> float:
    """Return the seconds of the fastest of some calls."""
    took = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return min(took)


def frames(first: int, count: int) -> list[Frame]:
    """Return frames of a second each."""
    rng = torch.Generator().manual_seed(first)
    return [
        Frame(torch.randn(TOKENS, SHAPE.width, generator=rng), float(t), t + 1.0)
        for t in range(first, first + count)
    ]


def asked(rekv: Rekv, state: RekvState) -> float:
    """Return the seconds to the first token of an answer."""
    return best(lambda: next(rekv_answer(rekv, state, torch.arange(20, 30))))


def dense(rekv: Rekv, count: int) -> float:
    """Return the seconds to read a video of `count` frames again, at most `LONGEST`."""
    video = torch.cat([frame.tokens for frame in frames(0, min(count, LONGEST))])
    decoder = rekv.decoder
    assert isinstance(decoder, Decoder)
    return best(lambda: decoder(video), times=1)


def measure(counts: list[int], folder: Path) -> None:
    """Print a line for each length of stream."""
    torch.manual_seed(0)
    rekv = Rekv(
        Decoder(SHAPE).eval().requires_grad_(False),
        torch.arange(12),
        RekvConfig(window=1024, blocks=16),
    )
    store = open_store(folder, rekv.identity, StoreBudget(ram=64 << 20))
    state = rekv.init_state(store)
    done = 0
    for count in counts:
        start = time.perf_counter()
        while done < count:
            chunk = min(8, count - done)
            state, _ = rekv.step(state, frames(done, chunk))
            done += chunk
        encode = time.perf_counter() - start
        line = f"{count} frames: {encode:.1f} s to encode, first token {asked(rekv, state):.3f} s"
        rekv.flush(state)
        sizes = store.sizes
        print(
            f"{line}, dense over {min(count, LONGEST)} frames {dense(rekv, count):.3f} s; RAM "
            f"{sizes.ram >> 20} MiB, disk {sizes.disk >> 20} MiB of "
            f"{count * store.table.blocks[0].size >> 20} MiB raw"
        )
    store.close()
    start = time.perf_counter()
    again = open_store(folder, rekv.identity, StoreBudget(ram=64 << 20))
    rekv.init_state(again)
    print(f"restart with {again.table.count} blocks: {time.perf_counter() - start:.2f} s")
    again.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=[50, 400, 1600])
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    with tempfile.TemporaryDirectory() as folder:
        measure(chosen.frames, Path(folder))


if __name__ == "__main__":
    main()

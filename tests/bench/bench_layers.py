"""The memory of a Video-LLM on a CPU: its decoder in PyTorch, and layer by layer in an engine.

    python -m tests.bench.bench_layers --size 0.5B --layers 4 --frames 24

Shapes of LLaVA-OneVision with random weights: seconds of CPU for a frame of 196 tokens behind the
others, for what a question of 20 tokens retrieves, its first token, and the eleven after it; and
the ratio. Both take turns, frame by frame. The model's 24 or 28 layers take as much more.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TypeVar

import torch

from models.language.decoder import Decoder
from models.language.decoder_networks import CacheSizes
from models.language.engine_decoder import layered_decoder
from models.memory.kv_store.tiers import BlockStore, StoreBudget
from models.memory.prefill import Frame
from models.memory.rekv import Rekv, RekvConfig
from tests.bench.gpu import FRAME_TOKENS
from tests.bench.gpu_shapes import FULL
from web.config import read_settings
from web.loading.engines import stored_engines

T = TypeVar("T")
OPENING = torch.arange(14)
QUESTION = torch.arange(20)
ANSWER = 12  # tokens
LAST = 8  # frames that count


@dataclass(slots=True)
class Measured:
    """One memory, and its seconds of CPU by what they were for."""

    rekv: Rekv
    took: dict[str, list[float]] = field(default_factory=dict)

    def timed(self, name: str, call: Callable[[], T]) -> T:
        began = time.process_time()
        made = call()
        self.took.setdefault(name, []).append(time.process_time() - began)
        return made


def measure(both: dict[str, Measured], frames: int, width: int) -> None:
    """Read frames in turns, then ask; the answers must be the same."""
    budget = StoreBudget(ram=64 << 30)
    states = {name: each.rekv.init_state(BlockStore(budget)) for name, each in both.items()}
    rng = torch.Generator().manual_seed(0)
    for number in range(frames):
        tokens = torch.randn(FRAME_TOKENS, width, generator=rng)
        frame = Frame(tokens, float(number), number + 1.0)
        for name, each in both.items():
            states[name], _ = each.timed("frame", lambda: each.rekv.step(states[name], [frame]))  # noqa: B023  (runs at once)
    answers = []
    for name, each in both.items():
        said: list[list[int]] = []
        for _ in range(3):
            found = each.timed("retrieval", lambda: each.rekv.retrieve(states[name], QUESTION))  # noqa: B023
            answer = each.rekv.reply(found, QUESTION, max_tokens=ANSWER)
            first = each.timed("first token", lambda: next(answer))  # noqa: B023
            said.append([first, *each.timed("other tokens", lambda: list(answer))])  # noqa: B023
        answers.append(said)
    print(f"same answers: {answers[0] == answers[1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=tuple(FULL.decoders), default="0.5B")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--window", type=int, default=3000, help="tokens")
    given = parser.parse_args()
    torch.set_num_threads(1)
    config = replace(FULL.decoders[given.size], layers=given.layers, vocabulary=8000)
    torch.manual_seed(0)
    decoder = Decoder(config).eval().requires_grad_(False)
    memory = RekvConfig(window=given.window, blocks=16)
    name = f"video-llm-layer-{given.size.lower()}"
    with stored_engines(read_settings()) as load_engine:
        layers = layered_decoder(decoder, load_engine, CacheSizes(len(OPENING)), name=name)
    both = {
        "PyTorch": Measured(Rekv(decoder, OPENING, memory)),
        "engine": Measured(Rekv(layers, OPENING, memory)),
    }
    measure(both, given.frames, config.width)
    before, after = (each.took for each in both.values())
    for what in before:
        old, new = (median(took[what][-LAST:]) for took in (before, after))
        print(f"{what:12} {old:8.3f} s {new:8.3f} s  {old / new:5.2f} times as quick")


if __name__ == "__main__":
    main()

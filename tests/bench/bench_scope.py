"""Questions about now and about the past, with the frames that the scope asks for and with both.

    python -m tests.bench.bench_scope --minutes 1 60

The time to the first token of a Video-LLM after minutes of stream: after its last frames alone
(`now`), and after retrieval (`past`), with and without the last frames. The decoder has the sizes
of SmolVLM2's 256M and random weights, as times do not depend on them; a frame has 64 tokens and a
label, one every two seconds. Frames after the first are copies in the memory, in 8 bits, since a
retrieval reads them all the same.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from models.language.decoder import Decoder, DecoderConfig
from models.memory.kv_store.tiers import BlockStore, StoreBudget
from models.memory.prefill import Frame, RekvState
from models.memory.rekv import Rekv, RekvConfig
from models.memory.retrieved_context import RetrievedContext

EVERY, TOKENS, LOOKS, REAL = (
    2.0,
    82,
    4,
    4,
)  # seconds, tokens of a frame, frames, frames that are read
QUESTION, TURNS = 12, 3
SMOL = DecoderConfig(
    vocabulary=49_280,
    width=576,
    layers=30,
    heads=9,
    key_heads=3,
    head_width=64,
    inner_width=1536,
    theta=1e5,
)


def extend(rekv: Rekv, state: RekvState, frames: int) -> RekvState:
    """Return the memory with as many frames: the first are read, and the others copied."""
    rng = torch.Generator().manual_seed(3)
    width = rekv.decoder.config.width
    while (count := state.store.table.count) < frames:
        at = EVERY * count
        frame = Frame(torch.randn(TOKENS, width, generator=rng), at, at)
        if count < REAL:
            state, _ = rekv.step(state, [frame])
            continue
        block = state.store.table.blocks[count % REAL]
        state.last = rekv.layout.store(state, block.all_layers().float(), frame, None)
    return state


def first_token(rekv: Rekv, prompt: torch.Tensor, context: Callable[[], RetrievedContext]) -> float:
    """Return the median seconds from a question to its first token."""
    found = []
    for _ in range(TURNS):
        began = time.perf_counter()
        next(iter(rekv.reply(context(), prompt, max_tokens=1)))
        found.append(time.perf_counter() - began)
    return statistics.median(found)


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 60])
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    decoder = Decoder(SMOL).eval().requires_grad_(requires_grad=False)
    rekv = Rekv(decoder, torch.arange(20), RekvConfig(bits=8))
    state = rekv.init_state(BlockStore(StoreBudget(ram=8 << 30)))
    question = torch.arange(100, 100 + QUESTION)
    for minutes in sorted(chosen.minutes):
        state = extend(rekv, state, round(60 * minutes / EVERY))
        now = first_token(rekv, question, lambda: rekv.latest(state, LOOKS))  # noqa: B023
        print(f"{minutes:6.0f} min  now   {1000 * now:8.0f} ms", flush=True)
        for name, latest in (("past", 0), ("both", LOOKS)):
            seconds = first_token(
                rekv,
                question,
                lambda: rekv.retrieve(state, question, latest=latest),  # noqa: B023
            )
            ratio = seconds / now
            print(
                f"{minutes:6.0f} min  {name}  {1000 * seconds:8.0f} ms  {ratio:5.1f} x", flush=True
            )


if __name__ == "__main__":
    main()

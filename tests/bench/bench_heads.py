"""How many tokens of the packaged model stay the same when some of its heads stream?

    python -m models.training.retrieval_heads --run runs/heads --recent 24 --length 700
    python -m tests.bench.bench_heads runs/heads/attention_heads.json --texts 40

For each share of streaming heads: the likeliest tokens of codes, said once far back and asked for
at the end, that are those of full attention, and the bytes a token that the memory stores, as they
are and in 8 bits. Streaming heads see the opening and the last tokens (`recent` of the file).
`random` are heads drawn by lot.
"""

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from models.language.decoder import Decoder
from models.language.head_set import HeadSet, choose_heads
from models.language.kv_cache import kv_bytes
from models.memory.kv_store.fewer_bits import quantized_bytes
from models.training.retrieval_heads import gated_hidden
from models.training.retrieval_samples import RetrievalSample, packaged_samples

BLOCK = 18  # tokens of a line, about
HELD_OUT = 100_000  # number of the first text, after those that gates are trained on


@torch.no_grad()
def same(decoder: Decoder, sample: RetrievalSample, heads: HeadSet) -> Tensor:
    """Return which tokens are those of full attention, bool (tokens,)."""
    full, made = (
        decoder.scores(gated_hidden(decoder, sample, gates)).argmax(-1)
        for gates in (None, heads.mask.float())
    )
    return made == full


def row(decoder: Decoder, texts: Sequence[RetrievalSample], heads: HeadSet) -> str:
    found = torch.cat([same(decoder, text, heads) for text in texts])
    config, rows = decoder.config, int(heads.mask.sum())
    whole = kv_bytes(rows, 1, config.head_width, 1, torch.float32)
    fewer = rows * quantized_bytes((2, 1, BLOCK, config.head_width), 8) / BLOCK
    return (
        f"{heads.streaming_share:5.2f} {int(found.sum()):5} of {len(found)} "
        f"{whole:8} {fewer:8.0f} bytes a token"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="attention_heads.json of a run")
    parser.add_argument("--weights", type=Path, default=Path(".cache/eyeline/weights"))
    parser.add_argument("--texts", type=int, default=40)
    parser.add_argument("--length", type=int, default=700, help="tokens of a text")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.25, 0.5, 0.75])
    parser.add_argument("--random", type=float, nargs="*", default=[0.5])
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    held = json.loads(given.file.read_text("utf-8"))
    decoder, sample = packaged_samples(given.weights, recent=held["recent"], length=given.length)
    texts, rng = [sample(HELD_OUT + number) for number in range(given.texts)], random.Random(1)
    drawn = [[rng.random() for _ in layer] for layer in held["gates"]]
    for name, gates, shares in (
        ("found", held["gates"], given.shares),
        ("random", drawn, given.random),
    ):
        for share in shares:
            heads = choose_heads(gates, share, recent=held["recent"])
            print(f"{name:6} {row(decoder, texts, heads)}", flush=True)


if __name__ == "__main__":
    main()

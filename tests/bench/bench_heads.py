"""How many answers of the packaged model stay right when some of its heads stream?

    python -m models.training.retrieval_heads --run runs/heads --recent 24
    python -m tests.bench.bench_heads runs/heads/attention_heads.json --logs 40

For each share of streaming heads: the answers about held-out logs that are right word for word,
and the bytes a token that the memory stores, as they are and in 8 bits. Streaming heads see the
opening, the last tokens of the log (`recent` of the file), and the question. `random` are heads
drawn by lot. An answer is right if each of its tokens is the likeliest after those before it, so
one pass reads all questions about a log.
"""

import argparse
import json
import random
from pathlib import Path

import torch
from torch import Tensor

from models.language.head_set import HeadSet, choose_heads
from models.language.kv_cache import kv_bytes
from models.language.smollm2 import DenseChatModel
from models.memory.kv_store.fewer_bits import quantized_bytes
from models.training.retrieval_heads import gated_hidden
from models.training.retrieval_samples import log_sample, packaged_chat
from models.training.text_log.logs import make
from models.training.text_log.train import sequence

BLOCK = 18  # tokens of a line, about


@torch.no_grad()
def right(chat: DenseChatModel, number: int, heads: HeadSet) -> Tensor:
    """Return which questions about held-out log `number` are answered right, bool (questions,)."""
    made = sequence(chat, make(number, validation=True))
    sample = log_sample(chat, made, heads.recent)
    hidden = gated_hidden(chat.decoder, sample, heads.mask.float())
    wrong = chat.decoder.scores(hidden).argmax(-1) != made.targets[sample.answers]
    questions = made.branch[sample.answers].long() - 1
    missed = torch.zeros(int(questions.max()) + 1).index_add_(0, questions, wrong.float())
    return missed == 0


def row(chat: DenseChatModel, heads: HeadSet, logs: int) -> str:
    found = torch.cat([right(chat, number, heads) for number in range(logs)])
    config, rows = chat.decoder.config, int(heads.mask.sum())
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
    parser.add_argument("--logs", type=int, default=40)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.0, 0.25, 0.5, 0.75])
    parser.add_argument("--random", type=float, nargs="*", default=[0.5])
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    held = json.loads(given.file.read_text("utf-8"))
    chat, rng = packaged_chat(given.weights), random.Random(1)
    drawn = [[rng.random() for _ in layer] for layer in held["gates"]]
    for name, gates, shares in (
        ("found", held["gates"], given.shares),
        ("random", drawn, given.random),
    ):
        for share in shares:
            heads = choose_heads(gates, share, recent=held["recent"])
            print(f"{name:6} {row(chat, heads, given.logs)}", flush=True)


if __name__ == "__main__":
    main()

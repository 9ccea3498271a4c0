"""The language model in the 4 bits it is stored in, against the same weights in float32.

    python -m tests.bench.bench_packed --answers 200

Answers are made greedily with the packed weights. Both models then read each question with its
answer: if the greedy token is the same at every place, float32 says the same, word by word.
Then speed: medians of turns that the two take, one thread.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from models.assistant.scene.embedding import embed
from models.assistant.scene.scene_entry import SYSTEM, question_text
from models.language import smollm2
from models.language.decoder import Decoder, generate
from models.language.engine_decoder import EngineDecoder
from models.language.kv_cache import DecoderCache
from models.language.smollm2 import ChatModel, question_prompt, system_prompt
from tests.bench.packed_chat import packed_chat
from tests.bench.synthetic_stream import INTERVAL, entry_at, questions

SHOWN = 12  # moments that a question is answered from
LONGEST = 48
SAME_LINES = 10  # questions about the same lines
ROOM = 128  # tokens of question and answer


def context(chat: ChatModel, number: int) -> Tensor:
    """Return the opening and some lines, as embeddings."""
    first = chat.decoder.embed(chat.encode(system_prompt(SYSTEM)))
    times = range(number * 60, number * 60 + SHOWN * INTERVAL, INTERVAL)
    return torch.cat([first, *(embed(chat, entry_at(at)) for at in times)])


@torch.no_grad()
def compare(plain: ChatModel, packed: ChatModel, count: int) -> tuple[int, int, int]:
    """Return how many tokens of `count` answers were compared, how many differ, and in how many.

    Both read the same tokens: the answers of the packed model.
    """
    compared, differ, answers = 0, 0, 0
    asking_all = questions(count)
    for low in range(0, count, SAME_LINES):
        shown = context(packed, low // SAME_LINES)
        held = [(chat, chat.decoder.new_caches(len(shown) + ROOM)) for chat in (packed, plain)]
        for chat, caches in held:
            chat.decoder.next_scores(shown, caches)
        for question in asking_all[low : low + SAME_LINES]:
            asked = packed.encode(question_prompt(question_text(question, low * 6.0 + 60)))
            x = packed.decoder.embed(asked)
            tokens = list(
                generate(packed.decoder, x, held[0][1], max_tokens=LONGEST, stop={packed.end})
            )
            cut(held[0][1], len(shown))
            said = [greedy(chat, x, tokens, caches) for chat, caches in held]
            for _, caches in held:
                cut(caches, len(shown))
            wrong = sum(one != other for one, other in zip(*said, strict=True))
            compared, differ, answers = (
                compared + len(said[0]),
                differ + wrong,
                answers + (wrong > 0),
            )
    return compared, differ, answers


def greedy(
    chat: ChatModel, prompt: Tensor, tokens: Sequence[int], caches: Sequence[DecoderCache]
) -> list[int]:
    """Return the likeliest token after `prompt`, and after each of `tokens`."""
    said = [int(chat.decoder.next_scores(prompt, caches).argmax())]
    for token in tokens:
        x = chat.decoder.embed(torch.tensor([token]))
        said.append(int(chat.decoder.next_scores(x, caches).argmax()))
    return said


def cut(caches: Sequence[DecoderCache], length: int) -> None:
    """Forget all but the first `length` positions."""
    for cache in caches:
        cache.drop_last(cache.length - length)


def taken(call: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that `call` takes, and those of CPU."""
    wall, cpu = time.perf_counter(), time.thread_time()
    call()
    return time.perf_counter() - wall, time.thread_time() - cpu


@torch.no_grad()
def speed(decoders: Mapping[str, Decoder | EngineDecoder], shown: Tensor) -> None:
    """Print tokens a second for one row, 30 rows and all of `shown`, the decoders taking turns."""
    caches = {name: decoder.new_caches(512) for name, decoder in decoders.items()}
    for name, decoder in decoders.items():
        decoder.next_scores(shown, caches[name])
    for rows, times in ((1, 41), (30, 9), (len(shown), 5)):
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in decoders}
        for _ in range(times):
            for name, decoder in decoders.items():
                cache = caches[name] if rows < len(shown) else decoder.new_caches(rows)
                found[name].append(taken(partial(decoder.next_scores, shown[:rows], cache)))
                cut(caches[name], len(shown))
        for name, timed in found.items():
            wall, cpu = (statistics.median(part) for part in zip(*timed, strict=True))
            print(
                f"{name:8} {rows:4} rows: {rows / wall:6.1f} tokens/s, {rows / cpu:6.1f} a CPU-s",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=Path(".cache/eyeline/weights"))
    parser.add_argument("--answers", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = options.weights / "smollm2-135m"
    chats: dict[str, ChatModel] = {}

    def load_plain() -> None:
        chats["float32"] = smollm2.load(folder)

    def load_quantized() -> None:
        chats["4 bits"] = packed_chat(options.weights)

    for load in (load_quantized, load_plain):
        wall, cpu = taken(load)
        print(f"{load.__name__}: {wall:.1f} s, {cpu:.1f} of CPU")
    decoders = {name: chat.decoder for name, chat in chats.items()}
    speed(decoders, context(chats["4 bits"], 0))
    compared, differ, answers = compare(chats["float32"], chats["4 bits"], options.answers)
    print(f"{options.answers} answers: {compared} tokens, {differ} differ, in {answers} answers")


if __name__ == "__main__":
    main()

"""Does retrieval find what a question asks for? Recall with the absent-object control.

    python -m tests.bench.bench_recall FOLDER --trials 20

FOLDER holds SmolLM2-135M's file. Frames are lines of words, one names an object that no other
does; the control asks for an object that never appears. A finder is as good as its lift: recall
less control.

`dense` reads the question after all frames, and takes those with the most attention. `external`
uses no model: by words takes the frame with the word most like the question's noun, by cosine
compares the mean of the question's embeddings with the mean of each frame's, as an encoder of
pictures and questions would (there is none in the packages). With `--heads`, one more finder is
internal retrieval by the heads of that set alone.

With `--scope` it measures answers instead: one object is in the last frame, another was in an
earlier one, and of the two words the model writes the likelier after a question about now or about
the past. `on` reads the frames that the question's scope asks for, `off` both kinds for each.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from models.assistant.understanding.question_scope import read_question
from models.assistant.understanding.wanted import Scope
from models.language import smollm2
from models.language.attention import causal_attention
from models.language.decoder import Decoder
from models.language.head_set import HeadSet, read_head_set
from models.language.smollm2 import ChatModel
from models.memory.prefill import Frame, RekvState
from models.memory.rekv import Rekv, RekvConfig
from models.rotary import apply_rotary
from tests.bench.research.recall_probe import (
    Find,
    Trial,
    internal,
    layer_bias,
    recall,
    recent,
    uniform,
)
from tests.models.memory.tiny_memory import kv_caches

SYSTEM = "You watch a camera and answer about what it showed."
PLACES = ("kitchen", "street", "garden", "office", "beach", "park", "hall", "bridge")
THINGS = ("chair", "tree", "table", "door", "lamp", "wall", "road", "grass", "window", "shelf")
OBJECTS = ("cup", "dog", "guitar", "banana", "bicycle", "clock", "umbrella", "horse", "pizza")
FRAMES, TAKEN, LOOKS = 24, 6, 4


def frames(chat: ChatModel, lines: Sequence[str]) -> list[Frame]:
    """Return a frame of a second for each line of words."""
    return [
        Frame(chat.decoder.embed(chat.encode(line)), float(second), second + 1.0)
        for second, line in enumerate(lines)
    ]


def lines(count: int, rng: random.Random) -> list[str]:
    """Return lines of common things in common places."""
    return [
        f" {rng.choice(THINGS)} {rng.choice(THINGS)} in a {rng.choice(PLACES)}\n"
        for _ in range(count)
    ]


def trials(chat: ChatModel, count: int, rng: random.Random) -> list[Trial]:
    """Return streams with one object planted in each."""
    made = []
    for _ in range(count):
        named, other = rng.sample(OBJECTS, 2)
        planted = rng.randrange(FRAMES)
        story = lines(FRAMES, rng)
        story[planted] = f" {named} {named} in a {rng.choice(PLACES)}\n"
        present, absent = (chat.encode(f"When did you see the {x}?") for x in (named, other))
        made.append(Trial(frames(chat, story), planted, present, absent))
    return made


def table_of(chat: ChatModel) -> Tensor:
    """Return the embeddings of all tokens, float32 (vocabulary, width)."""
    return chat.decoder.embed(torch.arange(chat.decoder.config.vocabulary)).float()


def by_words(chat: ChatModel, made: Sequence[Trial]) -> Find:
    """Return an external finder by the similarity of word embeddings."""
    weight = torch.nn.functional.normalize(table_of(chat), dim=-1)
    asked = iter([trial for trial in made for _ in range(2)])

    def find(state: RekvState, question: Tensor) -> Sequence[Sequence[int]]:
        trial = next(asked)
        noun = weight[question[-2]]  # the last word before the question mark
        likeness = [
            float((torch.nn.functional.normalize(f.tokens.float(), dim=-1) @ noun).max())
            for f in trial.frames
        ]
        order = sorted(range(FRAMES), key=lambda row: -likeness[row])[:TAKEN]
        return [[state.store.table.blocks[row].id for row in order]]

    return find


def by_cosine(chat: ChatModel, made: Sequence[Trial]) -> Find:
    """Return an external finder that knows a question and a frame by one vector each."""
    common = table_of(chat).mean(0)
    asked = iter([trial for trial in made for _ in range(2)])

    def find(state: RekvState, question: Tensor) -> Sequence[Sequence[int]]:
        trial = next(asked)
        wanted = chat.decoder.embed(question).float().mean(0) - common
        vectors = torch.stack([frame.tokens.float().mean(0) - common for frame in trial.frames])
        likeness = torch.nn.functional.cosine_similarity(vectors, wanted[None])
        order = likeness.argsort(descending=True)[:TAKEN].tolist()
        return [[state.store.table.blocks[row].id for row in order]]

    return find


def dense(rekv: Rekv) -> Find:
    """Return the frames with the most attention in each layer when everything is read."""

    @torch.no_grad()
    def find(state: RekvState, question: Tensor) -> Sequence[Sequence[int]]:
        held = state.store.table.blocks
        whole = rekv.fetch(state, [block.id for block in held])
        decoder = rekv.decoder
        assert isinstance(decoder, Decoder)
        x, taken = decoder.embed(question), []
        places = torch.arange(whole.caches[0].position, whole.caches[0].position + len(x))
        turns = decoder.config.rotary.cos_sin(places)
        for layer, cache in zip(decoder.layers, kv_caches(whole), strict=True):
            query, key, value = layer.project(x)
            keys, values = cache.append(apply_rotary(key, turns), value)
            turned = apply_rotary(query, turns)
            shares = looks(turned, keys)[len(rekv.opening) :]
            frames = torch.split(shares, [*(block.tokens for block in held), len(x)])[:-1]
            mass = torch.stack([frame.sum() for frame in frames])
            taken.append([held[row].id for row in mass.argsort(descending=True)[:TAKEN].tolist()])
            x = layer.finish(x, causal_attention(turned, keys, values))
        return taken

    return find


def looks(query: Tensor, keys: Tensor) -> Tensor:
    """Return the attention of the last positions to each key, (keys,), summed over heads."""
    heads, count, width = query.shape
    wide = keys.repeat_interleave(heads // len(keys), 0)
    scores = query @ wide.transpose(1, 2) * width**-0.5
    later = torch.ones(count, keys.shape[1], dtype=torch.bool).triu(keys.shape[1] - count + 1)
    looked: Tensor = scores.masked_fill(later, -torch.inf).softmax(-1).sum((0, 1))
    return looked


@torch.no_grad()
def measure_scopes(chat: ChatModel, count: int, *, scoped: bool) -> None:
    """Print how often the model names the right one of two objects, and what it reads for that."""
    rekv = Rekv(chat.decoder, chat.encode(smollm2.system_prompt(SYSTEM)), RekvConfig(window=4000))
    rng = random.Random(7)
    right: dict[Scope, list[bool]] = {Scope.NOW: [], Scope.PAST: []}
    read: dict[Scope, int] = {}
    for _ in range(count):
        past, now = rng.sample(OBJECTS, 2)
        story = lines(FRAMES, rng)
        story[rng.randrange(FRAMES - LOOKS)] = f" {past} {past} in a {rng.choice(PLACES)}\n"
        story[-1] = f" {now} {now} in a {rng.choice(PLACES)}\n"
        state, _ = rekv.step(rekv.init_state(), frames(chat, story))
        for asked, wanted, other in (
            (f"Which is in view now, the {past} or the {now}?", now, past),
            (f"Which was in view earlier, the {past} or the {now}?", past, now),
        ):
            scope = read_question(asked).scope
            question = chat.encode(asked)
            if scoped and scope is Scope.NOW:
                context = rekv.latest(state, LOOKS)
            else:
                both = LOOKS if not scoped else 0
                context = rekv.retrieve(state, question, count=TAKEN + both, latest=both)
            prompt = chat.encode(smollm2.question_prompt(asked) + "It is the")
            scores = chat.decoder.next_scores(chat.decoder.embed(prompt), context.caches)
            words = [int(chat.encode(f" {word}")[0]) for word in (wanted, other)]
            read[scope] = context.caches[0].length
            right[scope].append(bool(scores[words[0]] > scores[words[1]]))
    for scope, found in right.items():
        print(f"{scope}: {sum(found)} of {len(found)} right, {read[scope]} tokens read")


def measure(chat: ChatModel, count: int, heads: HeadSet | None) -> None:
    """Print recall, control and lift of each finder, and the position bias of each scoring."""
    opening = chat.encode(smollm2.system_prompt(SYSTEM))
    made = trials(chat, count, random.Random(7))
    raw = Rekv(chat.decoder, opening, RekvConfig(window=4000))
    centered = Rekv(chat.decoder, opening, RekvConfig(window=4000, scoring="centered"))
    finders: dict[str, Find] = {
        "internal, dot": internal(raw, TAKEN),
        "internal, centered": internal(centered, TAKEN),
        "dense": dense(raw),
        "external, by words": by_words(chat, made),
        "external, by cosine": by_cosine(chat, made),
        "recent": lambda state, question: [recent(FRAMES, TAKEN).tolist()],
        "uniform": lambda state, question: [uniform(FRAMES, TAKEN).tolist()],
    }
    memories = dict.fromkeys(finders, raw) | {"internal, centered": centered}
    if heads is not None:
        config = RekvConfig(window=4000, scoring="centered", heads=heads)
        name = f"internal, centered, {heads.streaming_share:.0%} of heads stream"
        memories[name] = Rekv(chat.decoder, opening, config)
        finders[name] = internal(memories[name], TAKEN)
    for name, find in finders.items():
        found = recall(memories[name], made, find)
        print(
            f"{name}: recall {found.mean:.2f}, absent object {found.control:.2f}, "
            f"lift {found.lift:+.2f}, chance {found.chance:.2f}"
        )
    question = chat.encode("Is there a dog?")
    for name, rekv in (("dot", raw), ("centered", centered)):
        state, _ = rekv.step(rekv.init_state(), frames(chat, lines(96, random.Random(1))))
        biases = layer_bias(rekv, state, question)
        print(f"{name}: position bias {sum(biases) / len(biases):+.2f} on average over layers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--heads", type=Path, help="folder with a set of retrieval heads")
    parser.add_argument("--scope", choices=["on", "off"], help="measure answers by scope")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    chat = smollm2.load(chosen.folder)
    if chosen.scope is not None:
        measure_scopes(chat, chosen.trials, scoped=chosen.scope == "on")
        return
    heads = None if chosen.heads is None else read_head_set(chosen.heads, chat.decoder.config)
    measure(chat, chosen.trials, heads)


if __name__ == "__main__":
    main()

"""The small model that sees and answers on a CPU: eyes, pseudo-words, ReKV memory, SmolLM2.

It can tell which of about 600 kinds of things was seen, its colour and side, how many people
there were, when, and in which order. It knows nothing of actions, text, faces or fine detail.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.qa import adapter, eyes, smollm2
from models.qa.diary import Diary, Entry, choose
from models.qa.encode import State
from models.qa.eyes import Eyes, Look, Pixels
from models.qa.moments import SYSTEM, Moment, asked
from models.qa.nouns import about, plain
from models.qa.pseudo_words import embed
from models.qa.rekv import Frame, Rekv, RekvConfig
from models.qa.smollm2 import Chat, asking, opening
from models.qa.store import Store

ADAPTER = Path(__file__).parent.parent / "checkpoints" / "text-log.safetensors"
WEIGHTS = ("smollm2-135m", "efficientnet-lite0", "persons")  # in models.weights
NOTHING_YET = "I have not seen anything yet."


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedConfig:
    """A moment is remembered when it differs from the last, or after `every` seconds.

    `moments` is how many a question is answered from; `longest` tokens an answer has at most.
    """

    every: float = 10.0
    moments: int = 12
    longest: int = 48


@dataclass(slots=True, eq=False)
class Memory:
    """What is remembered of one stream; `latest` is the newest look, remembered or not.

    `about` are the names that a person asked about last, as `attend` found them.
    """

    rekv: State
    diary: Diary
    latest: Look | None = None
    about: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """Pieces of the answer as they are made, and the moments that it is made from."""

    pieces: Iterator[str]
    moments: tuple[Moment, ...]

    @property
    def times(self) -> tuple[float, ...]:
        """When the moments were, in seconds."""
        return tuple(moment.time for moment in self.moments)


class Embedded:
    """The model; one serves every session."""

    def __init__(self, chat: Chat, sight: Eyes, config: EmbeddedConfig | None = None) -> None:
        self.chat = chat
        self.eyes = sight
        self.config = config or EmbeddedConfig()
        begin = chat.tokens(opening(SYSTEM))
        self.rekv = Rekv(chat.decoder, begin, RekvConfig(window=1024))

    def init_state(self, store: Store | None = None, diary: Diary | None = None) -> Memory:
        """Return the memory before the first picture, or after what `store` and `diary` hold."""
        return Memory(self.rekv.init_state(store), diary or Diary())

    def step(self, memory: Memory, chunk: tuple[Pixels, float]) -> tuple[Memory, tuple[()]]:
        """Look at a picture, uint8 (height, width, 3) RGB, at a time in seconds.

        Raises:
            StoreFullError, StoreError: there is no room to remember it; the rest is kept.
        """
        pixels, time = chunk
        look = self.eyes.look(pixels, time, memory.about)
        before, memory.latest = memory.latest, look
        known = memory.diary.entries[-1].moment if memory.diary.entries else None
        if known is None or _differs(known, look.moment):
            if before is not None and known is not None and before.moment.time > known.time:
                self._remember(memory, before)  # when the last thing was seen last
            self._remember(memory, look)
        elif look.moment.time - known.time >= self.config.every:
            self._remember(memory, look)
        return memory, ()

    def attend(self, memory: Memory, question: str) -> None:
        """Look out for what `question` asks about in the pictures that follow."""
        memory.about = about(question).names

    def flush(self, memory: Memory) -> tuple[()]:
        """Remember the newest picture, and write what is only in RAM.

        Raises:
            StoreFullError, StoreError: as `step`.
        """
        look, entries = memory.latest, memory.diary.entries
        if look is not None and look.moment.time > entries[-1].moment.time:
            self._remember(memory, look)
        return self.rekv.flush(memory.rekv)

    def answer(self, memory: Memory, question: str, *, now: float) -> Reply:
        """Answer from what was seen up to `now`, seconds; `memory` is not changed."""
        state = memory.rekv
        known = [block.id for block in state.store.table.blocks if not block.lost]
        entries = memory.diary.until(now, known)
        chosen = choose(entries, about(question), count=self.config.moments)
        if not chosen:
            return Reply(iter([NOTHING_YET]), ())
        retrieved = self.rekv.fetch(state, [entry.block for entry in chosen])
        prompt = self.chat.tokens(asking(asked(plain(question), now)))
        tokens = self.rekv.reply(
            retrieved, prompt, longest=self.config.longest, stop={self.chat.end}
        )
        return Reply(pieces(self.chat, tokens), tuple(entry.moment for entry in chosen))

    def _remember(self, memory: Memory, look: Look) -> None:
        moment = look.moment
        frame = Frame(embed(self.chat, moment), moment.time, moment.time)
        memory.rekv, _ = self.rekv.step(memory.rekv, [frame])
        last = memory.rekv.last
        assert last is not None
        shares = look.shares.numpy().astype(np.float32)
        memory.diary.entries.append(Entry(last.id, moment, shares))


def pieces(chat: Chat, tokens: Iterator[int]) -> Iterator[str]:
    """Yield text as tokens come; half a letter waits for its other half."""
    said: list[int] = []
    sent = 0
    for token in tokens:
        said.append(token)
        text = chat.text(said)
        if not text.endswith("\ufffd"):
            yield text[sent:]
            sent = len(text)


def load(weights: Path, checkpoint: Path = ADAPTER) -> Embedded:
    """Return the model with the packaged weights in `weights` and the project's `checkpoint`.

    Raises:
        WeightsError: a file is missing, damaged, or of another network.
    """
    chat = smollm2.load(weights / "smollm2-135m")
    adapter.add(chat.decoder, checkpoint)
    return Embedded(chat, eyes.load(weights))


def _differs(one: Moment, other: Moment) -> bool:
    return _words(one) != _words(other)


def _words(moment: Moment) -> tuple[str, tuple[str, ...], int]:
    """Return what makes two moments different: colour and place flicker too much to count."""
    main = moment.names[0][0] if moment.names else ""
    return main, moment.others, moment.people

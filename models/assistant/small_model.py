"""The small model that sees and answers on a CPU: eyes, pseudo-words, ReKV memory, SmolLM2.

It can tell which of about 600 kinds of things was seen, its colour and side, how many people
there were, when, and in which order; colours and order are often wrong, see docs/benchmarks.md.
It knows nothing of actions, text, faces or fine detail.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from models.assistant.scene import perception as eyes
from models.assistant.scene.embedding import embed
from models.assistant.scene.novelty import NoveltyState, rest, settle
from models.assistant.scene.perception import Observation, Perception, Pixels
from models.assistant.scene.query_parsing import about, plain
from models.assistant.scene.scene_entry import SYSTEM, SceneEntry, asked
from models.assistant.scene.scene_log import LoggedEntry, SceneLog, choose, search
from models.language import lora as adapter
from models.language import smollm2
from models.language.smollm2 import Chat, asking, opening
from models.memory.kv_store.tiers import Store
from models.memory.prefill import State
from models.memory.rekv import Frame, Rekv, RekvConfig
from models.shipped import CHECKPOINTS

ADAPTER = CHECKPOINTS / "text-log.safetensors"
WEIGHTS = ("smollm2-135m", "efficientnet-lite0", "persons")  # in models.weights.fetch
NOT_STORED = -1  # block of a look that is not remembered yet
RECENT = 60.0  # seconds of looks that are kept beside what is remembered
NOTHING_YET = "I have not seen anything yet."


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallModelConfig:
    """A moment is remembered when it differs from the last, or after `every` seconds.

    `moments` is how many a question is answered from; `longest` tokens an answer has at most.
    """

    every: float = 10.0
    moments: int = 12
    longest: int = 48


@dataclass(slots=True, eq=False)
class SmallModelMemory:
    """What is remembered of one stream; `looks` are those of the last minute, remembered or not.

    A question may be asked of a time that is over: somebody spoke, and it took a while to write
    that down. `about` are the names that a person asked about last, as `attend` found them.
    """

    rekv: State
    diary: SceneLog
    looks: deque[Observation] = field(default_factory=deque)
    about: frozenset[int] = frozenset()
    settling: NoveltyState = field(default_factory=NoveltyState)

    @property
    def latest(self) -> Observation | None:
        """The newest look."""
        return self.looks[-1] if self.looks else None


@dataclass(frozen=True, slots=True, eq=False)
class SmallModelReply:
    """Pieces of the answer as they are made, and the moments that it is made from.

    `read` is how many tokens the model reads for it; 0 where it is not asked.
    """

    pieces: Iterator[str]
    moments: tuple[SceneEntry, ...]
    read: int = 0

    @property
    def times(self) -> tuple[float, ...]:
        """When the moments were, in seconds."""
        return tuple(moment.time for moment in self.moments)


class SmallModel:
    """The model; one serves every session."""

    def __init__(
        self, chat: Chat, sight: Perception, config: SmallModelConfig | None = None
    ) -> None:
        self.chat = chat
        self.eyes = sight
        self.config = config or SmallModelConfig()
        begin = chat.tokens(opening(SYSTEM))
        self.rekv = Rekv(chat.decoder, begin, RekvConfig(window=1024, internal=False))

    def init_state(
        self, store: Store | None = None, diary: SceneLog | None = None
    ) -> SmallModelMemory:
        """Return the memory before the first picture, or after what `store` and `diary` hold."""
        diary = diary or SceneLog()
        seen = [Observation(e.moment, torch.from_numpy(e.shares)) for e in diary.entries[-1:]]
        settling = NoveltyState(seen[0], seen[0]) if seen else NoveltyState()
        return SmallModelMemory(self.rekv.init_state(store), diary, settling=settling)

    def step(
        self, memory: SmallModelMemory, chunk: tuple[Pixels, float]
    ) -> tuple[SmallModelMemory, tuple[()]]:
        """Look at a picture, uint8 (height, width, 3) RGB, at a time in seconds.

        Raises:
            StoreFullError, StoreError: there is no room to remember it; the rest is kept.
        """
        pixels, time = chunk
        look = self.eyes.look(pixels, time, memory.about)
        settling, fresh = settle(memory.settling, look, every=self.config.every)
        memory.looks.append(look)
        while memory.looks[0].moment.time < time - RECENT:
            memory.looks.popleft()
        for each in fresh:
            self._remember(memory, each, time)
        memory.settling = settling
        return memory, ()

    def attend(self, memory: SmallModelMemory, question: str) -> None:
        """Look out for what `question` asks about in the pictures that follow."""
        memory.about = about(question).names

    def flush(self, memory: SmallModelMemory) -> tuple[()]:
        """Remember the newest picture, and write what is only in RAM.

        Raises:
            StoreFullError, StoreError: as `step`.
        """
        latest = memory.latest
        if latest is not None:
            settling, fresh = rest(memory.settling, latest)
            for look in fresh:
                self._remember(memory, look, latest.moment.time)
            memory.settling = settling
        return self.rekv.flush(memory.rekv)

    def answer(self, memory: SmallModelMemory, question: str, *, now: float) -> SmallModelReply:
        """Answer from what was seen up to `now`, seconds; `memory` is not changed.

        The newest look is read too, remembered or not. What a search for the question's words
        found is part of the prompt.
        """
        state = memory.rekv
        known = [block.id for block in state.store.table.blocks if not block.lost]
        entries = memory.diary.until(now, known)
        newest = _newest(memory, entries, now)
        if newest is not None:
            entries = [*entries, _entry(NOT_STORED, newest, now)]
        if not entries:
            return SmallModelReply(iter([NOTHING_YET]), ())
        topic = about(question)
        chosen = choose(entries, topic, count=self.config.moments)
        stored = [entry for entry in chosen if entry.block != NOT_STORED]
        text = asking(asked(plain(question), now, search(entries, topic)))
        prompt = self.chat.decoder.embed(self.chat.tokens(text))
        if newest is not None:
            prompt = torch.cat([embed(self.chat, newest.moment), prompt])
        retrieved = self.rekv.fetch(state, [entry.block for entry in stored])
        tokens = self.rekv.reply(
            retrieved, prompt, longest=self.config.longest, stop={self.chat.end}
        )
        read = retrieved.caches[0].length + len(prompt)
        return SmallModelReply(
            pieces(self.chat, tokens), tuple(entry.moment for entry in stored), read
        )

    def _remember(self, memory: SmallModelMemory, look: Observation, now: float) -> None:
        moment = look.moment
        frame = Frame(embed(self.chat, moment), moment.time, moment.time)
        memory.rekv, _ = self.rekv.step(memory.rekv, [frame])
        last = memory.rekv.last
        assert last is not None
        memory.diary.entries.append(_entry(last.id, look, now))


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


def load(weights: Path, checkpoint: Path = ADAPTER) -> SmallModel:
    """Return the model with the packaged weights in `weights` and the project's `checkpoint`.

    Raises:
        WeightsError: a file is missing, damaged, or of another network.
    """
    chat = smollm2.load_packed(weights / "smollm2-135m", adapter.read(checkpoint))
    return SmallModel(chat, eyes.load(weights))


def _entry(block: int, look: Observation, known: float) -> LoggedEntry:
    return LoggedEntry(block, look.moment, look.shares.numpy().astype(np.float32), known)


def _newest(
    memory: SmallModelMemory, entries: Sequence[LoggedEntry], now: float
) -> Observation | None:
    """Return the newest look up to `now`, if `entries` have none as new and there are any."""
    if not entries:
        return None
    recent = [look for look in tuple(memory.looks) if look.moment.time <= now]
    newer = recent and recent[-1].moment.time > entries[-1].moment.time
    return recent[-1] if newer else None

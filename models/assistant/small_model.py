"""The small model that watches and answers on a CPU: perception, ReKV memory, SmolLM2.

It can tell which of about 620 kinds of things was seen, its color and side, how many people and
common things there were, when, and in which order. Colors and order are often wrong, see
docs/benchmarks.md. It does not recognize actions, faces or fine detail. Text is read on
request: `text_reading`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from models.assistant.answer_pieces import AnswerPieces, decode_stream, revised
from models.assistant.interface import NOTHING_YET
from models.assistant.scene import perception as scene_perception
from models.assistant.scene.embedding import embed
from models.assistant.scene.novelty import NoveltyState, select_final, select_novel
from models.assistant.scene.perception import Look, Observation, Perception, Pixels
from models.assistant.scene.query_parsing import parse_query, without_control_tokens
from models.assistant.scene.scene_entry import SYSTEM, SceneEntry, question_text
from models.assistant.scene.scene_log import LoggedEntry, SceneLog, search, select_entries
from models.assistant.scene.seen_text import TextWithScore
from models.assistant.scene.thinning import thinned
from models.assistant.small_memory import (
    NOT_STORED,
    RECENT,
    SmallModelMemory,
    entry_of,
    observation_of,
    seen_entries,
)
from models.assistant.understanding.wanted import Scope
from models.engine import EngineLoader, load_in_torch
from models.language import smollm2
from models.language.decoder import TokenConfidence
from models.language.engine_cache import EngineCache
from models.language.engine_decoder import EngineDecoder
from models.language.generation import GenerationBatch
from models.language.smollm2 import ChatModel, question_prompt, system_prompt
from models.memory.kv_store.tiers import BlockStore
from models.memory.prefill import Frame
from models.memory.rekv import Rekv, RekvConfig
from models.memory.retrieved_context import RetrievedContext

WEIGHTS = (  # in models.weights.fetch
    "smollm2-135m",
    "efficientnet-lite0",
    "persons",
    "things",
    "body",
)
WINDOW = 1024  # tokens of scenes that a new scene is read after
FIXED_SLOTS = 2048  # of caches that do not grow; the longest question and its scenes take half


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallModelConfig:
    """A scene is stored when it differs from the last, or after `interval` seconds.

    At most `max_moments` are known at once: older ones are thinned. An answer is based on at most
    `max_entries` entries, and has at most `max_tokens` tokens.
    """

    interval: float = 10.0
    max_moments: int = 10_000
    max_entries: int = 12
    max_tokens: int = 48


@dataclass(frozen=True, slots=True, eq=False)
class SmallModelReply:
    """Pieces of the answer as they are generated, and the scenes it is based on.

    `prompt_tokens` counts the tokens that the model reads; it is 0 if the model is not used.
    `confidence` is that of the pieces read so far.
    """

    pieces: Iterator[str]
    scenes: tuple[SceneEntry, ...]
    prompt_tokens: int = 0
    confidence: TokenConfidence = field(default_factory=TokenConfidence)

    @property
    def times(self) -> tuple[float, ...]:
        """The times of the scenes, in seconds."""
        return tuple(scene.time for scene in self.scenes)


class SmallModel:
    """The model; one instance serves every session."""

    def __init__(
        self, chat: ChatModel, perception: Perception, config: SmallModelConfig | None = None
    ) -> None:
        self.chat = chat
        self.perception = perception
        self.config = config or SmallModelConfig()
        system = chat.encode(system_prompt(SYSTEM))
        engine = chat.decoder if isinstance(chat.decoder, EngineDecoder) else None
        self.batch = GenerationBatch(engine) if engine else None
        self.rekv = Rekv(chat.decoder, system, RekvConfig(window=WINDOW, internal=False, bits=8))

    def init_state(
        self,
        store: BlockStore | None = None,
        log: SceneLog | None = None,
        newest: LoggedEntry | None = None,
    ) -> SmallModelMemory:
        """Return the memory before the first frame, or after what `store` and `log` hold.

        `newest` is an observation after the last entry of `log`, see `newest_entry`.
        """
        log = log or SceneLog()
        self._thin(log)
        seen = [observation_of(entry) for entry in log.entries[-1:]]
        novelty = NoveltyState(seen[0], seen[0]) if seen else NoveltyState()
        memory = SmallModelMemory(self.rekv.init_state(store), log, novelty=novelty)
        if seen and newest is not None:
            memory.recent.append(observation_of(newest))
        return memory

    def step(
        self, memory: SmallModelMemory, chunk: tuple[Pixels, float]
    ) -> tuple[SmallModelMemory, tuple[()]]:
        """Analyze a frame, uint8 (height, width, 3) RGB, at a time in seconds.

        Raises:
            StoreFullError, StoreError: there is no room to store it; earlier entries are kept.
        """
        (observation,) = self.observe([memory], [chunk])
        self.remember(memory, observation)
        return memory, ()

    def observe(
        self, memories: Sequence[SmallModelMemory], chunks: Sequence[tuple[Pixels, float]]
    ) -> list[Observation]:
        """Return what a frame of each of several streams shows, see `step`; no memory changes."""
        return self.perception.analyze_many(
            [
                Look(pixels, time, memory.attended, memory.counted)
                for memory, (pixels, time) in zip(memories, chunks, strict=True)
            ]
        )

    def remember(self, memory: SmallModelMemory, observation: Observation) -> None:
        """Add what a frame shows.

        Raises:
            StoreFullError, StoreError: as `step`.
        """
        time = observation.scene.time
        novelty, novel = select_novel(memory.novelty, observation, interval=self.config.interval)
        memory.recent.append(observation)
        while memory.recent[0].scene.time < time - RECENT:
            memory.recent.popleft()
        for each in novel:
            self._store(memory, each, time)
        memory.novelty = novelty

    def attend(self, memory: SmallModelMemory, question: str) -> None:
        """Make the relevance maps of later frames show what `question` asks about."""
        memory.attended = parse_query(question).name_ids

    def flush(self, memory: SmallModelMemory) -> tuple[()]:
        """Store the newest frame, and write what is only in RAM.

        Raises:
            StoreFullError, StoreError: as `step`.
        """
        self._store_newest(memory)
        return self.rekv.flush(memory.rekv)

    def note_text(self, memory: SmallModelMemory, text: tuple[TextWithScore, ...]) -> None:
        """Make the newest frame, in which `text` was read, a moment of the log that has it.

        Raises:
            StoreFullError, StoreError: as `step`; the text is known for a minute only.
        """
        latest = memory.latest
        assert latest is not None, "text was read in a frame"
        scene = replace(latest.scene, text=text)
        try:
            self._store_newest(memory)
            if entries := memory.log.entries:
                entries[-1] = replace(entries[-1], scene=scene)
        finally:
            memory.recent[-1] = replace(latest, scene=scene)

    def _store_newest(self, memory: SmallModelMemory) -> None:
        """Store the newest frame if it is not stored yet."""
        latest = memory.latest
        if latest is None or memory.novelty.stored is None:
            return
        novelty, final = select_final(memory.novelty, latest)
        for observation in final:
            self._store(memory, observation, latest.scene.time)
        memory.novelty = novelty

    def answer(
        self,
        memory: SmallModelMemory,
        question: str,
        *,
        now: float,
        scope: Scope = Scope.BOTH,
        revise: Callable[[str], str] | None = None,
    ) -> SmallModelReply:
        """Answer from what was seen up to `now`, in seconds; `memory` does not change.

        If the `scope` of the question is now, the model reads the newest observation alone.
        The prompt contains the newest observation, stored or not, and the results of a search
        for the words of the question.
        What the model wrote is withheld if there is `revise`, and what that returns is said.
        """
        entries, newest = seen_entries(memory, now)
        if not entries:
            return SmallModelReply(iter([NOTHING_YET]), ())
        if scope is Scope.NOW:
            entries = entries[-1:]
        query = parse_query(question)
        selected = select_entries(entries, query, count=self.config.max_entries)
        stored = [entry for entry in selected if entry.block != NOT_STORED]
        results = search(entries, query)
        text = question_prompt(question_text(without_control_tokens(question), now, results))
        prompt = self.chat.decoder.embed(self.chat.encode(text))
        if newest is not None:
            prompt = torch.cat([embed(self.chat, newest.scene), prompt])
        retrieved = self.rekv.fetch(memory.rekv, [entry.block for entry in stored])
        confidence = TokenConfidence()
        prompt_tokens = retrieved.caches[0].length + len(prompt)
        pieces = self._pieces(retrieved, prompt, confidence, revise)
        scenes = tuple(entry.scene for entry in stored)
        return SmallModelReply(pieces, scenes, prompt_tokens, confidence)

    def _pieces(
        self,
        retrieved: RetrievedContext,
        prompt: Tensor,
        confidence: TokenConfidence,
        revise: Callable[[str], str] | None,
    ) -> Iterator[str]:
        """Generate the answer to `prompt`; it uses up `retrieved`."""
        longest, stop = self.config.max_tokens, {self.chat.end}
        cache = retrieved.caches[0]
        if self.batch is not None and isinstance(cache, EngineCache):
            generation = self.batch.start(
                cache, prompt, max_tokens=longest, stop=stop, confidence=confidence
            )
            return AnswerPieces(self.chat, self.batch, generation, revise)
        tokens = self.rekv.reply(
            retrieved, prompt, max_tokens=longest, stop=stop, confidence=confidence
        )
        pieces = decode_stream(self.chat, tokens)
        return pieces if revise is None else revised(pieces, revise)

    def _store(self, memory: SmallModelMemory, observation: Observation, now: float) -> None:
        scene = observation.scene
        frame = Frame(embed(self.chat, scene), scene.time, scene.time)
        memory.rekv, _ = self.rekv.step(memory.rekv, [frame])
        last = memory.rekv.last
        assert last is not None
        memory.log.entries.append(entry_of(last.id, observation, now))
        self._thin(memory.log)

    def _thin(self, log: SceneLog) -> None:
        if len(log.entries) > self.config.max_moments:
            log.keep(thinned(log.entries, self.config.max_moments))


def load(
    weights: Path,
    load_engine: EngineLoader = load_in_torch,
    *,
    load_later: EngineLoader | None = None,
    fixed_caches: bool = False,
    config: SmallModelConfig | None = None,
) -> SmallModel:
    """Return the model with the packaged weights in `weights`.

    TensorRT needs `fixed_caches`; others read no more of them than is in use. `load_later` is for
    networks that may not be needed.

    Raises:
        WeightsError: a file is missing, damaged, or from another network.
        EngineError: an engine cannot be built or loaded.
    """
    chat = smollm2.load_quantized(
        weights / "smollm2-135m",
        opening=system_prompt(SYSTEM),
        slots=FIXED_SLOTS if fixed_caches else None,
        load_engine=load_engine,
    )
    return SmallModel(chat, scene_perception.load(weights, load_engine, load_later), config)

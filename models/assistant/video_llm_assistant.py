"""A video language model as a session's assistant: frames are stored and retrieved with ReKV.

For the families of `models.vision.video_llm`. These models do not describe frames before a question
is asked, so stored moments have no text, and standing requests use the small model's perception.

A question about now is read after the last frames, as they were read, without retrieval; one about
the past after retrieved ones. Source: SimpleStream, arXiv 2604.02317: four frames are enough for
now, and more history hurts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.assistant import located
from models.assistant.interface import (
    NOTHING_YET,
    AssistantAnswer,
    Exchange,
    FrameAnalysis,
    Moment,
    StorageProblem,
)
from models.assistant.phrasebook.conversation import language_of, note_request, told
from models.assistant.requests.session_requests import SessionRequests, check_requests
from models.assistant.requests.standing_requests import RequestTracker
from models.assistant.scene.perception import Observation, Perception, Pixels
from models.assistant.understanding.question_scope import ScopedQuestion, read_question
from models.assistant.understanding.wanted import Scope
from models.errors import EmptyMemoryError, StoreError
from models.language.decoder import TokenConfidence
from models.language.engine_decoder import EngineDecoder
from models.memory.kv_store.tiers import BlockStore, StoreBudget, open_store
from models.memory.positions import VideoPositions
from models.memory.prefill import RekvState
from models.memory.rekv import Rekv, RekvConfig
from models.memory.retrieved_context import RetrievedContext
from models.vision.video_llm.model import VideoLlm

BLOCKS = "blocks"
NO_BLOCK = -1  # the number of a moment that is not stored


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoLlmConfig:
    """A frame is stored every `interval` seconds; an answer has at most `max_tokens` tokens.

    An answer names at most `max_moments` of the retrieved moments: those that most layers use. The
    boxes around its subject take at most `box_tokens`. A question about now is shown the last
    `looks` frames. If it is not `scoped`, any question is shown these and retrieved ones. The
    conversation before it takes at most `history` tokens.
    """

    interval: float = 2.0  # ReKV's 0.5 frames a second
    max_tokens: int = 128
    max_moments: int = 8
    box_tokens: int = 64
    looks: int = 4
    scoped: bool = True
    history: int = 512
    rekv: RekvConfig = field(default_factory=RekvConfig)


@dataclass(slots=True, eq=False)
class VideoLlmState:
    """The state of one stream; `last` is the time of the last stored frame."""

    rekv: RekvState
    requests: SessionRequests = field(default_factory=SessionRequests)
    last: float | None = None


class VideoLlmAssistant:
    """The model as a session's assistant; one instance serves every session."""

    stand_in = False

    def __init__(
        self,
        model: VideoLlm,
        perception: Perception,
        config: VideoLlmConfig | None = None,
        *,
        decoder: EngineDecoder | None = None,
        positions: VideoPositions | None = None,
        budget: StoreBudget | None = None,
        name: str = "a Video-LLM",
    ) -> None:
        """Remember and answer with `decoder`: that of `model` in an engine."""
        self.model = model
        self.about = f"answers come from {name}; it can be wrong"
        self.perception = perception
        self.config = config or VideoLlmConfig()
        self.budget = budget or StoreBudget()
        self.tracker = RequestTracker()
        self.rekv = Rekv(
            decoder or model.decoder, model.opening, self.config.rekv, positions=positions
        )

    def init_state(self, folder: Path | None, *, durable: bool = False) -> VideoLlmState:
        """Return the memory in `folder`, or a new one; without a folder it stays in RAM.

        A `durable` memory is written as it grows, so that it survives the process.

        Raises:
            StoreError: the folder cannot be used, or belongs to another model.
        """
        if folder is None:
            return VideoLlmState(self.rekv.init_state(BlockStore(self.budget)))
        store = open_store(folder / BLOCKS, self.rekv.identity, self.budget, durable=durable)
        state = VideoLlmState(self.rekv.init_state(store))
        blocks = store.table.blocks
        state.last = blocks[-1].end if blocks else None
        return state

    def analyze_frame(
        self, state: VideoLlmState, pixels: Pixels, time: float
    ) -> tuple[VideoLlmState, FrameAnalysis]:
        """Analyze a frame, uint8 (height, width, 3) RGB, at `time` in seconds."""
        remembered: tuple[Moment, ...] = ()
        problem: StorageProblem | None = None
        if state.last is None or time - state.last >= self.config.interval:
            frame = self.model.read_frame(torch.from_numpy(pixels.copy()), time)
            try:
                state.rekv, _ = self.rekv.step(state.rekv, [frame])
                state.last = time
                remembered = (Moment(_newest(state), time, ""),)
            except StoreError as error:
                problem = StorageProblem(forgotten=True, reason=str(error))
        unwritten = state.rekv.store.write_error
        if problem is None and unwritten is not None:
            problem = StorageProblem(forgotten=False, reason=str(unwritten))
        if not state.requests.standing:
            return state, FrameAnalysis(remembered, problem=problem)
        observation: Observation = self.perception.analyze(pixels, time)
        met = told(check_requests(self.tracker, state.requests, observation, _newest(state)))
        return state, FrameAnalysis(
            remembered,
            met,
            observation.relevance.numpy(),
            confidence=observation.confidence,
            problem=problem,
        )

    def note_request(
        self, state: VideoLlmState, text: str, time: float
    ) -> tuple[VideoLlmState, AssistantAnswer | None]:
        """Return the reply to a standing request; None if `text` is an ordinary question."""
        return state, note_request(self.tracker, state.requests, text, time)

    def standing_requests(self, state: VideoLlmState) -> tuple[str, ...]:
        """Return the standing requests, oldest first."""
        return state.requests.standing

    def answer(
        self,
        state: VideoLlmState,
        text: str,
        time: float,
        conversation: Sequence[Exchange] = (),
    ) -> AssistantAnswer:
        """Answer from what was seen up to `time`, after the `conversation`.

        The state does not change.
        """
        tokenizer, config = self.model.tokenizer, self.config
        asked = ScopedQuestion(Scope.BOTH, text)
        if config.scoped:
            asked = read_question(text, conversation)
        try:
            retrieved = self._context(state, asked, time)
        except EmptyMemoryError:
            return AssistantAnswer(iter([NOTHING_YET]))
        turns = [(each.question, each.answer) for each in conversation]
        before = self.model.template.latest_turns(tokenizer, turns, config.history)
        prompt = self.model.prompt(text, before)
        prompt_tokens = retrieved.caches[0].length + len(prompt)
        confidence = TokenConfidence()
        tokens = self.rekv.reply(
            retrieved,
            prompt,
            max_tokens=config.max_tokens,
            stop={tokenizer.end},
            confidence=confidence,
        )
        ranked = [block for block, _ in retrieved.ranked_blocks()]
        now, count = asked.scope is Scope.NOW, config.max_moments
        most = ranked[-count:] if now else ranked[:count]
        most.sort(key=lambda block: block.start)
        moments = tuple(Moment(block.id, block.start, "") for block in most)
        pieces = tokenizer.decode_stream(tokens)
        return AssistantAnswer(
            pieces,
            moments,
            prompt_tokens,
            scope=asked.scope,
            confidence=lambda: confidence.value,
            locate=lambda: self._locate(retrieved, text),
            language=language_of(
                text, conversation
            ),  # the model answers in the language of the question
        )

    def _context(
        self, state: VideoLlmState, asked: ScopedQuestion, until: float
    ) -> RetrievedContext:
        """Return what a question is read after.

        Raises:
            EmptyMemoryError: nothing was seen, and it is about that.
        """
        looks = self.config.looks
        if asked.scope is Scope.NONE:
            return self.rekv.fetch(state.rekv, ())
        if asked.scope is Scope.NOW:
            return self.rekv.latest(state.rekv, looks, until=until)
        words = self.model.tokenizer.encode_user_text(asked.words)
        latest = looks if asked.scope is Scope.BOTH else 0
        return self.rekv.retrieve(state.rekv, words, until=until, latest=latest)

    def recall(
        self, state: VideoLlmState, text: str, until: float, *, since: float = 0.0, count: int
    ) -> tuple[Moment, ...]:
        """Return at most `count` moments that `text` is about; the state does not change."""
        question = self.model.tokenizer.encode_user_text(text)
        try:
            retrieved = self.rekv.retrieve(state.rekv, question, until=until)
        except EmptyMemoryError:
            return ()
        found = [block for block, _ in retrieved.ranked_blocks() if block.start >= since][:count]
        found.sort(key=lambda block: block.start)
        return tuple(Moment(block.id, block.start, "") for block in found)

    def _locate(self, retrieved: RetrievedContext, question: str) -> NDArray[np.float32] | None:
        """Ask the model for boxes around what `question` is about; None if it writes none."""
        size = self.model.located_in
        if size is None:
            return None
        tokenizer = self.model.tokenizer
        prompt = self.model.prompt(located.PROMPT.format(question=question))
        tokens = self.rekv.reply(
            retrieved, prompt, max_tokens=self.config.box_tokens, stop={tokenizer.end}
        )
        reply = "".join(tokenizer.decode_stream(tokens))
        return located.relevance_of_boxes(reply, size)

    def seen_until(self, state: VideoLlmState) -> float:
        """Return the time of the last stored frame, or -1.0 if there is none."""
        return -1.0 if state.last is None else state.last

    def close(self, state: VideoLlmState) -> None:
        """Write what is only in RAM to the folder, and release the folder.

        Raises:
            StoreFullError, StoreError: not all could be written.
        """
        try:
            self.rekv.flush(state.rekv)
        finally:
            state.rekv.store.close()


def _newest(state: VideoLlmState) -> int:
    last = state.rekv.last
    return NO_BLOCK if last is None else last.id

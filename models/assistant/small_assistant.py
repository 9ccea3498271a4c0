"""The small model as a session's video assistant, with its memory in a folder.

Answers are made by rule from the scene log and the conversation (`talk`); the language model is
asked only for what no rule knows.

The folder holds the blocks of keys and values, and a scene log with one line for each block. A
stream that is interrupted can continue in the same folder, and can be asked about later.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from models.assistant.answer_pieces import AnswerPieces, next_pieces
from models.assistant.body.observing import (
    answer_about_bodies,
    glance_at_bodies,
    with_body,
)
from models.assistant.body.watch import BodyWatch
from models.assistant.counting import attend, observe
from models.assistant.expecting import expects_answer
from models.assistant.interface import (
    AssistantAnswer,
    Exchange,
    FrameAnalysis,
    Moment,
    StorageProblem,
)
from models.assistant.phrasebook.conversation import answer_like, exchange, note_request, told
from models.assistant.phrasebook.questions import in_english
from models.assistant.recalling import recalled
from models.assistant.requests.session_requests import check_requests, check_text, numbered
from models.assistant.requests.standing_requests import RequestTracker
from models.assistant.scene.log_file import SceneLogFile
from models.assistant.scene.perception import Observation, Pixels
from models.assistant.scene.scene_entry import describe
from models.assistant.scene.seen_text import SceneReading
from models.assistant.small_memory import seen_entries
from models.assistant.small_model import SmallModel
from models.assistant.small_state import SmallAssistantState, moment_of, stored_row
from models.assistant.talk.checking import is_supported, tells_more
from models.assistant.talk.replies import reply
from models.assistant.talk.scene_view import SceneView
from models.assistant.text_reading import SceneReader
from models.assistant.understanding.question_scope import read_question
from models.errors import StoreError
from models.language.decoder_networks import MAX_BATCH
from models.memory.kv_store.tiers import BlockStore, StoreBudget, open_store
from models.vision.class_names import NAMES

BLOCKS = "blocks"
ABOUT = (
    "answers come from a small model: by rule from what it sees, some 600 kinds of things, "
    "persons, left and right, and when, what fingers show, and a few actions; names and colors "
    "are often wrong; nothing of {}faces or fine detail"
)
NO_BLOCK = -1  # the number of a moment that is not stored
MAX_QUESTION_WORDS = 200  # a longer question would take many seconds to read


class SmallAssistant:
    """The small model as a session's assistant; one instance serves every session."""

    stand_in = False
    max_answers = MAX_BATCH  # that are generated at the same time
    max_looks = 4  # at once: more take longer than speech should wait
    expects_answer = staticmethod(expects_answer)

    def __init__(
        self,
        model: SmallModel,
        budget: StoreBudget | None = None,
        wall_clock: Callable[[], datetime] = datetime.now,
        body: BodyWatch | None = None,
        reader: SceneReader | None = None,
    ) -> None:
        """Without a `reader` no text is read."""
        self.model = model
        self.body = body
        self.wall_clock = wall_clock
        self.budget = budget or StoreBudget()
        self.reader = reader
        self.tracker = RequestTracker(reads=reader is not None)
        self.about = ABOUT.format("" if reader else "text, ")

    def init_state(self, folder: Path | None, *, durable: bool = False) -> SmallAssistantState:
        """Return the memory in `folder`, or a new one; without a folder it stays in RAM.

        A `durable` memory is written as it grows, so that it survives the process.

        Raises:
            StoreError: the folder cannot be used, or belongs to another model.
        """
        if folder is None:
            return SmallAssistantState(self.model.init_state(BlockStore(self.budget)))
        identity = self.model.rekv.identity
        store = open_store(folder / BLOCKS, identity, self.budget, durable=durable)
        try:
            file = SceneLogFile(folder, durable=durable)
        except StoreError:
            store.close()
            raise
        log, newest = file.read()
        memory = self.model.init_state(store, log, newest)
        return SmallAssistantState(memory, memory.log.added, file)

    def analyze_frame(
        self, state: SmallAssistantState, pixels: Pixels, time: float
    ) -> tuple[SmallAssistantState, FrameAnalysis]:
        """Analyze a frame, uint8 (height, width, 3) RGB, at `time` in seconds."""
        return self.analyze_frames([state], [(pixels, time)])[0]

    def analyze_frames(
        self, states: Sequence[SmallAssistantState], frames: Sequence[tuple[Pixels, float]]
    ) -> list[tuple[SmallAssistantState, FrameAnalysis]]:
        """Analyze a frame of each of several streams; perception looks at all of them at once."""
        observed = observe(self.model, states, frames)
        if self.body is not None:
            observed = [
                with_body(self.body, state.body, observation, pixels, state.requests.tracked)
                for state, observation, (pixels, _) in zip(states, observed, frames, strict=True)
            ]
        return [
            (state, self._remember(state, observation))
            for state, observation in zip(states, observed, strict=True)
        ]

    def _remember(self, state: SmallAssistantState, observation: Observation) -> FrameAnalysis:
        memory, problem = state.memory, None
        try:
            self.model.remember(memory, observation)
        except StoreError as error:
            problem = StorageProblem(forgotten=True, reason=str(error))
        added = state.write_new_entries()
        entries = memory.log.entries
        number = entries[-1].block if entries else NO_BLOCK
        return FrameAnalysis(
            remembered=tuple(map(moment_of, added)),
            met_requests=told(check_requests(self.tracker, state.requests, observation, number)),
            relevance=observation.relevance.numpy(),
            relevance_topic=", ".join(sorted(NAMES[index] for index in memory.attended)),
            confidence=observation.confidence,
            problem=problem or state.unwritten(),
            bodies=bool(observation.persons) and self.body is not None,
            degraded=self.model.perception.degraded,
        )

    def glance(self, state: SmallAssistantState, pixels: Pixels, time: float) -> None:
        """Look at the bodies in a frame that is not analyzed, see `Glances`."""
        if self.body is not None:
            glance_at_bodies(self.body, state.body, pixels, time)

    def note_request(
        self, state: SmallAssistantState, text: str, time: float
    ) -> tuple[SmallAssistantState, AssistantAnswer | None]:
        """Attend to what `text` asks about; return the reply if it is a standing request."""
        reply = note_request(self.tracker, state.requests, text, time)
        if reply is None:
            attend(self.model, state.memory, in_english(text))
        return state, reply

    def read_text(
        self, state: SmallAssistantState, question: str, time: float
    ) -> Iterator[FrameAnalysis | None]:
        """Read the text in the last look if `question` at `time` asks about it.

        An empty one is for standing requests, at intervals. Yields None after each step, so that
        others may run in between, and at the end what is remembered and which requests are met.
        """
        if self.reader is None:
            return
        asked, about_text = in_english(question), state.requests.about_text
        for reading in self.reader.steps(state.memory, asked, time, watching=about_text):
            yield None if reading is None else self._note_reading(state, reading, question)

    def _note_reading(
        self, state: SmallAssistantState, reading: SceneReading, question: str
    ) -> FrameAnalysis:
        """Check the standing requests; what was read is remembered for them and for `question`."""
        memory, problem = state.memory, None
        if reading.problem:
            return FrameAnalysis(degraded=f"text in the picture is not read: {reading.problem}")
        assert memory.latest is not None, "text was read in a look"
        seen = replace(memory.latest.scene, text=reading.text)
        met = check_text(self.tracker, state.requests, seen)
        if kept := bool(reading.text) and bool(met or question):
            try:
                self.model.note_text(memory, reading.text)
            except StoreError as error:
                problem = StorageProblem(forgotten=True, reason=str(error))
        entries, added = memory.log.entries, state.write_new_entries()
        if kept and not added:
            state.write_last_again()
        number = entries[-1].block if entries else NO_BLOCK
        return FrameAnalysis(
            remembered=tuple(map(moment_of, added)),
            met_requests=told(tuple(numbered(each, number) for each in met)),
            problem=problem or state.unwritten(),
        )

    def standing_requests(self, state: SmallAssistantState) -> tuple[str, ...]:
        """Return the standing requests, oldest first."""
        return state.requests.standing

    def answer(
        self,
        state: SmallAssistantState,
        text: str,
        time: float,
        conversation: Sequence[Exchange] = (),
    ) -> AssistantAnswer:
        """Answer from what was seen up to `time`, and from the conversation before it.

        The state does not change.
        """
        if (count := len(text.split())) > MAX_QUESTION_WORDS:
            long = f"That question has {count} words. I can take in {MAX_QUESTION_WORDS} at most."
            return AssistantAnswer(iter([long]))
        asked, before = in_english(text), [exchange(each) for each in conversation]
        entries, _ = seen_entries(state.memory, time)
        view = SceneView(entries, time, state.memory.reading_at(time)) if entries else None
        found, reads = None, self.reader is not None
        if self.body is not None:
            found = answer_about_bodies(self.body, state.body, asked, time, entries)
        said = found or reply(asked, view, before, self.wall_clock(), reads=reads)
        if view is not None and said.open and asked == text:
            return self._generated(state, text, view, said.text)
        shown = {row for row in (stored_row(entries, row) for row in said.rows) if row is not None}
        moments = tuple(moment_of(entries[row]) for row in sorted(shown))
        like, language = answer_like(text, said.text, conversation)
        return AssistantAnswer(iter([like]), moments, 0, lambda: said.confidence, language=language)

    def _generated(
        self, state: SmallAssistantState, text: str, view: SceneView, told: str
    ) -> AssistantAnswer:
        """Return `told`, and what the language model says if that is in the log and tells more."""

        def revise(written: str) -> str:
            more = is_supported(written, text, view) and tells_more(written, text, told)
            return f"{told} {written}" if more else told

        made = self.model.answer(
            state.memory, text, now=view.now, scope=read_question(text).scope, revise=revise
        )
        numbers = {entry.scene.time: entry.block for entry in state.memory.log.entries}
        moments = (Moment(numbers[s.time], s.time, describe(s)) for s in made.scenes)
        sure = made.confidence
        return AssistantAnswer(made.pieces, tuple(moments), made.prompt_tokens, lambda: sure.value)

    def recall(
        self,
        state: SmallAssistantState,
        text: str,
        until: float,
        *,
        since: float = 0.0,
        count: int,
    ) -> tuple[Moment, ...]:
        """Return at most `count` moments that `text` is about; the state does not change."""
        found = recalled(state.memory, in_english(text), until, since, count)
        return tuple(map(moment_of, found))

    def next_pieces(self, answers: Sequence[AssistantAnswer]) -> list[str | None]:
        """Return the next piece of each answer, or None if it is complete.

        Raises:
            EngineError: a run failed; no answer has changed.
        """
        found = [each.pieces for each in answers]
        generated = [each for each in found if isinstance(each, AnswerPieces)]
        made = iter(next_pieces(generated) if generated else ())
        return [
            next(made) if isinstance(each, AnswerPieces) else next(each, None) for each in found
        ]

    def seen_until(self, state: SmallAssistantState) -> float:
        """Return the time of the newest observation, or -1.0 if there is none."""
        entries, latest = state.memory.log.entries, state.memory.latest
        stored = entries[-1].scene.time if entries else -1.0
        return stored if latest is None else max(stored, latest.scene.time)

    def close(self, state: SmallAssistantState) -> None:
        """Write what is only in RAM to the folder, and release the folder.

        Raises:
            StoreFullError, StoreError: not all could be written.
        """
        try:
            if state.memory.log.entries:
                self.model.flush(state.memory)
            state.write_new_entries()
        finally:
            state.memory.rekv.store.close()
            if state.log_file is not None:
                state.log_file.close()

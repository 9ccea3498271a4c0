"""The embedded model as a session's watcher: what it saw in words, kept in a folder.

The folder holds the blocks of keys and values, and a diary with a line for each: a stream that
is interrupted goes on in the same folder, and can be asked about later.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from models.assistant.interface import AssistantAnswer, FrameAnalysis, Moment
from models.assistant.requests import session_requests as wishes
from models.assistant.requests.session_requests import Wished
from models.assistant.requests.standing_requests import RequestTracker
from models.assistant.scene.perception import Pixels
from models.assistant.scene.scene_entry import line
from models.assistant.scene.scene_log import LoggedEntry, from_lines, to_line
from models.assistant.small_model import SmallModel, SmallModelMemory
from models.errors import StoreError, StoreFullError
from models.memory.kv_store.tiers import Budget, Store, open_store
from models.vision.class_names import NAMES

BLOCKS = "blocks"
DIARY = "diary.jsonl"
NO_BLOCK = -1  # number of what was seen and not remembered
LONGEST_QUESTION = 200  # words: more would take many seconds to read


@dataclass(slots=True, eq=False)
class SmallAssistantState:
    """The state of one stream; `told` entries of its diary were told and written."""

    memory: SmallModelMemory
    told: int = 0
    diary: IO[str] | None = None
    wished: Wished = field(default_factory=Wished)


class SmallAssistant:
    """The embedded model behind a session; one serves every session."""

    stand_in = False
    about = (
        "answers come from a small model: it knows some 600 kinds of things, persons, left and "
        "right, and when; colours and order are often wrong; nothing of actions, text, faces or "
        "fine detail"
    )

    def __init__(
        self,
        model: SmallModel,
        budget: Budget | None = None,
        watching: RequestTracker | None = None,
    ) -> None:
        self.model = model
        self.budget = budget or Budget()
        self.watching = watching or RequestTracker()

    def init_state(self, folder: Path | None) -> SmallAssistantState:
        """Return the memory that `folder` holds, or a new one; without a folder, it is in RAM.

        Raises:
            StoreError: the folder cannot be used, or is another model's.
        """
        if folder is None:
            return SmallAssistantState(self.model.init_state(Store(self.budget)))
        store = open_store(folder / BLOCKS, self.model.rekv.identity, self.budget)
        try:
            lines = (folder / DIARY).open("a+", encoding="utf-8")
        except OSError as error:
            store.close()
            raise StoreError(f"{folder}: cannot keep a memory there: {error}") from error
        lines.seek(0)
        diary = from_lines(lines)
        return SmallAssistantState(self.model.init_state(store, diary), len(diary.entries), lines)

    def analyze_frame(
        self, state: SmallAssistantState, pixels: Pixels, time: float
    ) -> tuple[SmallAssistantState, FrameAnalysis]:
        """Look at a picture, uint8 (height, width, 3) RGB, at `time` in seconds.

        Raises:
            StoreFullError, StoreError: there is no room to remember it; the rest is kept.
        """
        memory, _ = self.model.step(state.memory, (pixels, time))
        look = memory.latest
        assert look is not None
        fresh = self._written(state)
        entries = memory.diary.entries
        number = entries[-1].block if entries else NO_BLOCK
        return state, FrameAnalysis(
            remembered=tuple(map(_moment, fresh)),
            noticed=wishes.look(self.watching, state.wished, look, number),
            relevance=look.relevance.numpy(),
            about=", ".join(sorted(NAMES[column] for column in memory.about)),
        )

    def note_request(
        self, state: SmallAssistantState, text: str, time: float
    ) -> tuple[SmallAssistantState, AssistantAnswer | None]:
        """Look out for what `text` asks about; return what answers a standing request."""
        said = wishes.heed(self.watching, state.wished, text, time)
        if said is None:
            self.model.attend(state.memory, text)
        return state, said

    def standing_requests(self, state: SmallAssistantState) -> tuple[str, ...]:
        """Return the requests that stand."""
        return state.wished.standing

    def answer(self, state: SmallAssistantState, text: str, time: float) -> AssistantAnswer:
        """Answer from what was seen up to `time`; changes nothing."""
        count = len(text.split())
        if count > LONGEST_QUESTION:
            long = f"That question has {count} words. I can take in {LONGEST_QUESTION} at most."
            return AssistantAnswer(iter([long]))
        reply = self.model.answer(state.memory, text, now=time)
        numbers = {e.moment.time: e.block for e in state.memory.diary.entries}
        moments = (Moment(numbers[m.time], m.time, line(m)) for m in reply.moments)
        return AssistantAnswer(reply.pieces, tuple(moments), reply.read)

    def seen_until(self, state: SmallAssistantState) -> float:
        """Return the time of the last moment that is remembered; less than 0 if none is."""
        entries = state.memory.diary.entries
        return entries[-1].moment.time if entries else -1.0

    def close(self, state: SmallAssistantState) -> None:
        """Write what is only in RAM to the folder, and give it back.

        Raises:
            StoreFullError, StoreError: not all could be written.
        """
        try:
            if state.memory.diary.entries:
                self.model.flush(state.memory)
            self._written(state)
        finally:
            state.memory.rekv.store.close()
            if state.diary is not None:
                state.diary.close()

    def _written(self, state: SmallAssistantState) -> list[LoggedEntry]:
        """Return the entries that are new, after writing them."""
        fresh = state.memory.diary.entries[state.told :]
        state.told += len(fresh)
        if state.diary is not None and fresh:
            try:
                state.diary.writelines(f"{to_line(entry)}\n" for entry in fresh)
                state.diary.flush()
            except OSError as error:
                raise StoreFullError(f"the diary cannot be written: {error}") from error
        return fresh


def _moment(entry: LoggedEntry) -> Moment:
    return Moment(entry.block, entry.moment.time, line(entry.moment))

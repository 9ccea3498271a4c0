"""Reading text in what a stream shows: when, in which look, and how much.

The networks are loaded when text is asked for the first time.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from models.assistant.scene.perception import Pixels
from models.assistant.scene.scene_log import with_text
from models.assistant.scene.seen_text import SceneReading
from models.assistant.small_memory import SmallModelMemory
from models.assistant.understanding.kinds import TextKind, analyze
from models.assistant.understanding.text_questions import parse_text_question
from models.assistant.understanding.wanted import Scope
from models.errors import ModelError
from models.vision.text.reader import TextReader, TextReading

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingLimits:
    """For standing requests text is read every `interval` seconds at most, `lines` each time."""

    interval: float = 2.0
    lines: int = 8


class SceneReader:
    """Reads text for questions and standing requests; one serves every session, on one thread."""

    def __init__(self, load: Callable[[], TextReader], limits: ReadingLimits | None = None) -> None:
        self._load = load
        self._reader: TextReader | None = None
        self._problem = ""
        self.limits = limits or ReadingLimits()

    def steps(
        self, memory: SmallModelMemory, question: str, time: float, *, watching: bool
    ) -> Iterator[SceneReading | None]:
        """Read the sharpest of the last looks if `question` is about text.

        An empty one is for standing requests: if one is `watching` for text, and it is time again.
        Yields None after each step, and the result at the end, which `memory` keeps for the answer.
        If the networks cannot be loaded, or fail, the result says so, and only a question makes
        them be tried again.
        """
        pixels = memory.looks.sharpest() if self._wanted(memory, question, time, watching) else None
        if pixels is None:
            return
        if not question:
            memory.watched_at = time
        for found in self._read(pixels, time, None if question else self.limits.lines):
            if found is not None and question:
                memory.readings.append(found)
            yield found

    def _wanted(self, memory: SmallModelMemory, question: str, time: float, watching: bool) -> bool:
        if not question:
            due = time - memory.watched_at >= self.limits.interval
            return watching and due and not self._problem
        kind, words, _ = analyze(question)
        if kind is not TextKind.TEXT:
            return False
        past = parse_text_question(words).scope is Scope.PAST
        return not (past and with_text(memory.log.entries))

    def _read(
        self, pixels: Pixels, time: float, max_lines: int | None
    ) -> Iterator[SceneReading | None]:
        """Yield None after each step, and what was read, or why nothing was."""
        try:
            if self._reader is None:
                self._reader = self._load()
                logger.info("loaded the networks that read text: it was asked for")
            for reading in self._reader.steps(pixels, max_lines):
                self._problem = self._problem if reading is None else ""
                yield None if reading is None else _noted(reading, time)
        except ModelError as error:
            self._problem = str(error)
            logger.warning("text cannot be read: %s", error)
            yield SceneReading(time, (), problem=self._problem)


def _noted(reading: TextReading, time: float) -> SceneReading:
    text = tuple((block.text, round(block.score, 3)) for block in reading.blocks)
    return SceneReading(time, text, reading.unread, reading.skipped)

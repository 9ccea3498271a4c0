"""What a question comes with: moments that it is about, and pictures of them and of now."""

from dataclasses import dataclass, replace

from media.events.answers import Question
from media.images.decoder import ImageDecoder
from media.images.encoding import encode_jpeg
from media.images.picture_log import PictureLog
from media.pipeline.models.answerer import exchanges
from media.pipeline.models.answering import AssistantHandle
from media.pipeline.outside.endpoint import EvidenceLimits
from media.sizes import SizeLimits
from media.worker import Worker
from models.assistant.interface import Moment
from models.assistant.understanding.question_scope import ScopedQuestion, read_question
from models.assistant.understanding.wanted import Scope


@dataclass(frozen=True, slots=True)
class TimedPicture:
    """A JPEG file of what was seen at `time`, in seconds; None if the user shows it as a file."""

    time: float | None
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class QuestionEvidence:
    """Moments and pictures in order of time. `looking` is whether there is a stream at all.

    `scope` is the part of it that the question is about, see `Evidence`.
    """

    moments: tuple[Moment, ...] = ()
    pictures: tuple[TimedPicture, ...] = ()
    looking: bool = False
    scope: str = ""

    @property
    def stored(self) -> tuple[Moment, ...]:
        """The moments that can be shown to the user: the newest one may not be stored."""
        return tuple(moment for moment in self.moments if moment.number >= 0)


NO_EVIDENCE = QuestionEvidence()


class EvidenceCollector:
    """Collects the evidence for questions; files are read on a worker."""

    def __init__(self, config: EvidenceLimits, images: ImageDecoder, worker: Worker) -> None:
        self.config = config
        self._images = images
        self._worker = worker

    async def collect(self, question: Question, memory: AssistantHandle | None) -> QuestionEvidence:
        """Return what `memory` has about the question, or the pictures that it asks about.

        Raises:
            UnreadableMediaError: a picture of the question cannot be read.
        """
        if question.pictures or memory is None:
            files = [await self._file(file) for file in question.pictures]
            return QuestionEvidence(pictures=tuple(TimedPicture(None, jpeg) for jpeg in files))
        asked = await self._read(question)
        scope = asked.scope
        if scope is Scope.NONE:
            return QuestionEvidence(looking=True, scope=scope)
        time, config = question.time, self.config
        if scope is Scope.NOW:
            seen = await self.last_looks(memory, max(1, config.looks), time)
            return replace(seen, looking=True, scope=scope)
        looks = 0 if scope is Scope.PAST else config.looks
        moments = await memory.recall(asked.words, time, count=config.moments)
        pictures = await self._pictures(memory, moments, looks, time)
        return QuestionEvidence(moments, pictures, looking=True, scope=scope)

    async def _read(self, question: Question) -> ScopedQuestion:
        """Return what a question is about, which is all of the stream if nothing is `scoped`."""
        if not self.config.scoped:
            return ScopedQuestion(Scope.BOTH, question.text)
        said = exchanges(question.dialogue.before)
        return await self._worker.run(read_question, question.text, said)

    async def search(
        self, memory: AssistantHandle, query: str, since: float, until: float
    ) -> QuestionEvidence:
        """Return moments from `since` to `until` that `query` is about, and pictures of them."""
        moments = await memory.recall(query, until, since=since, count=self.config.moments)
        return QuestionEvidence(moments, await self._pictures(memory, moments, 0, until))

    async def last_looks(
        self, memory: AssistantHandle, count: int, time: float
    ) -> QuestionEvidence:
        """Return pictures of the last `count` looks up to `time`, and the note of the last one."""
        newest = (await memory.recall("", time, count=1))[-1:]
        return QuestionEvidence(newest, await self._pictures(memory, (), count, time))

    async def _file(self, file: bytes) -> bytes:
        """Return a picture file as a JPEG of the size that is sent."""
        side = self.config.side
        pixels = await self._images.read(file, SizeLimits(longer=side, shorter=side))
        return await self._worker.run(encode_jpeg, pixels)

    async def _pictures(
        self, memory: AssistantHandle, moments: tuple[Moment, ...], looks: int, time: float
    ) -> tuple[TimedPicture, ...]:
        """Return the pictures of the last `looks` and of moments, as many as are sent."""
        log = memory.pictures
        if log is None:
            return ()
        return await self._worker.run(_choose, log, moments, looks, time, self.config.pictures)


def _choose(
    log: PictureLog, moments: tuple[Moment, ...], looks: int, time: float, most: int
) -> tuple[TimedPicture, ...]:
    found = dict(log.last(min(looks, most), time))
    others = [moment.time for moment in moments if moment.time not in found]
    for each in _evenly(others, most - len(found)):
        if (jpeg := log.at(each)) is not None:
            found[each] = jpeg
    return tuple(TimedPicture(each, found[each]) for each in sorted(found))


def _evenly(times: list[float], count: int) -> list[float]:
    """Return `count` of `times`, the first and the last among them."""
    if len(times) <= count:
        return times
    if count < 2:
        return times[len(times) - count :]
    return [times[number * (len(times) - 1) // (count - 1)] for number in range(count)]

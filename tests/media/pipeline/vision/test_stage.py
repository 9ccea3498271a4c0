import asyncio
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from media.clock import ReplayClock
from media.events.answers import Announce, Answer, Cancel, Evidence, Question, Speech
from media.events.session import Input, Output
from media.events.vision import Degraded, Relevance, Remembered, RequestMet, StandingRequests
from media.pipeline.interfaces import Pixels
from media.pipeline.limits import Limits, Sampling
from media.pipeline.models.services import Services
from media.pipeline.session import run_session
from models.assistant.interface import AssistantAnswer, Exchange, FrameAnalysis, Moment
from models.errors import StoreError
from tests.media.pipeline.scripted import picture, replayed, scripted_services
from tests.media.pipeline.scripted_assistant import ScriptedAssistant

SECOND = 90_000


async def run(items: list[Input], services: Services, limits: Limits | None = None) -> list[Output]:
    out: list[Output] = []

    async def send(output: Output) -> None:
        out.append(output)

    limits = limits or Limits.replay()
    clock = ReplayClock()
    await run_session(replayed(items), send, services=services, clock=clock, limits=limits)
    return out


def answer_text(out: list[Output], id: str) -> str:
    return "".join(o.text for o in out if isinstance(o, Answer) and o.id == id)


def changing(count: int, *, start: int = 0) -> list[Input]:
    """Return a picture a second, each brighter than the last."""
    return [picture(n * SECOND, brightness=20 * n) for n in range(start, start + count)]


async def test_a_remembered_moment_is_sent_with_its_thumbnail() -> None:
    with scripted_services() as services:
        out = await run(changing(3), services)
    remembered = [o for o in out if isinstance(o, Remembered)]
    assert [o.moment.number for o in remembered] == [0, 1, 2]
    assert [o.moment.time for o in remembered] == [0, 1, 2]
    for index, each in enumerate(remembered):
        assert each.picture is not None
        small = np.asarray(Image.open(io.BytesIO(each.picture)))
        assert small.shape == (90, 160, 3)
        assert abs(small.mean() - 20 * index) < 3


async def test_an_answer_names_the_moments_that_it_is_made_from_before_its_first_word() -> None:
    question = Question("q", "what?", 2.5)
    with scripted_services() as services:
        out = await run([*changing(4), question], services)
    kinds = [type(o) for o in out if isinstance(o, Evidence | Answer)]
    assert kinds[0] is Evidence
    evidence = next(o for o in out if isinstance(o, Evidence))
    assert evidence.id == "q"
    assert [m.time for m in evidence.moments] == [0, 1, 2]


class Locating(ScriptedAssistant):
    """Says that the subject of each answer is in the first cell, and is sure of it."""

    def answer(
        self,
        state: tuple[list[Moment], list[str]],
        text: str,
        time: float,
        conversation: Sequence[Exchange] = (),
    ) -> AssistantAnswer:
        answer = super().answer(state, text, time, conversation)
        found = np.eye(2, dtype=np.float32)
        return replace(answer, confidence=lambda: 0.75, locate=lambda: found)


async def test_after_an_answer_its_subject_is_relevant_and_its_confidence_is_known() -> None:
    question = Question("q", "where is it?", 2.5)
    with scripted_services(assistant=Locating()) as services:
        out = await run([*changing(4), question], services)
    last = [o for o in out if isinstance(o, Answer)][-1]
    (relevance,) = [o for o in out if isinstance(o, Relevance)]
    assert out.index(relevance) > out.index(last)
    assert (last.status, last.confidence) == ("completed", 0.75)
    assert (relevance.about, relevance.time, relevance.confidence) == ("where is it?", 2.5, 0.75)
    np.testing.assert_array_equal(relevance.values, np.eye(2))


class Glancing(ScriptedAssistant):
    """Sees a body in the first picture, and notes the times of what it looks at."""

    def __init__(self) -> None:
        super().__init__()
        self.analyzed: list[float] = []
        self.glanced: list[float] = []

    def analyze_frame(
        self, state: tuple[list[Moment], list[str]], pixels: Pixels, time: float
    ) -> tuple[tuple[list[Moment], list[str]], FrameAnalysis]:
        self.analyzed.append(time)
        state, analysis = super().analyze_frame(state, pixels, time)
        return state, replace(analysis, bodies=time < 0.5)

    def glance(self, state: object, pixels: Pixels, time: float) -> None:
        self.glanced.append(time)


async def test_a_body_is_looked_at_again_a_moment_later_and_nothing_else_is() -> None:
    frames: list[Input] = [picture(n * 9000, brightness=20 * n) for n in range(11)]
    seeing = Glancing()
    with scripted_services(assistant=seeing) as services:
        await run(frames, services)
    assert (seeing.analyzed, seeing.glanced) == ([0.0, 0.5, 1.0], [0.2])
    once = Glancing()
    limits = replace(Limits.replay(), sampling=Sampling(glance_delay=0.0))
    with scripted_services(assistant=once) as services:
        await run(frames, services, limits)
    assert (once.analyzed, once.glanced) == ([0.0, 0.5, 1.0], [])


async def test_the_newest_frame_is_analyzed_for_a_question_even_if_no_analysis_is_due() -> None:
    items: list[Input] = [picture(0), picture(9000, brightness=200), Question("q", "now?", 0.1)]
    with scripted_services() as services:
        live = await run(items, services, Limits(lossless=True))
        replay = await run(items, services)
    assert "(2 seen" in answer_text(live, "q")
    assert "(1 seen" in answer_text(replay, "q")


async def test_a_standing_request_is_confirmed_shown_and_met_once() -> None:
    items = [
        *changing(2),
        Question("q", "tell me when 60", 1.0),
        *changing(4, start=2),
        *changing(4, start=6),
    ]
    with scripted_services() as services:
        out = await run(items, services)
    assert answer_text(out, "q") == "I will."
    requests = [o.requests for o in out if isinstance(o, StandingRequests)]
    assert requests == [("tell me when 60",), ()]
    (noticed,) = [o for o in out if isinstance(o, RequestMet)]
    assert noticed.moment == Moment(3, 3.0, "brightness 60")
    assert noticed.request == "tell me when 60"


async def test_a_still_scene_is_analyzed_all_the_time_while_a_request_stands() -> None:
    still: list[Input] = [picture(n * SECOND // 4) for n in range(9)]
    with scripted_services() as services:
        out = await run([Question("q", "tell me when 200", 0.0), *still], services)
        idle = await run(still, services)
    assert len([o for o in out if isinstance(o, Remembered)]) == 5
    assert len([o for o in idle if isinstance(o, Remembered)]) == 2


async def test_an_announcement_is_sent_unchanged_with_its_moments() -> None:
    moment = Moment(7, 3.0, "a cup")
    with scripted_services() as services:
        out = await run([Announce("n", "Here is a cup.", 3.0, True, (moment,))], services)
    assert answer_text(out, "n") == "Here is a cup."
    assert next(o for o in out if isinstance(o, Evidence)).moments == (moment,)
    assert [o.status for o in out if isinstance(o, Speech)][-1] == "completed"


class Addressed(ScriptedAssistant):
    """Takes what ends with a question mark for said to it."""

    def expects_answer(self, text: str, conversation: Sequence[Exchange]) -> bool:
        assert conversation == ()
        return text.endswith("?")


async def test_a_remark_that_is_overheard_has_an_empty_answer_and_no_sound() -> None:
    remark = Question("remark", "I like tea.", 1.5, spoken=True, overheard=True)
    asked = replace(remark, id="asked", text="tea?")
    items = [remark, asked, replace(remark, id="typed", overheard=False)]
    with scripted_services(assistant=Addressed()) as services:
        out = await run([*changing(2), *items], services)
    answers = {item.id: answer_text(out, item.id) for item in items}
    assert answers["remark"] == ""
    assert all(answers[id] for id in ("asked", "typed"))
    sounds = {o.id for o in out if isinstance(o, Speech) and o.chunk is not None}
    assert sounds == {"asked", "typed"}
    ends = [o.id for o in out if isinstance(o, Speech) and o.status == "completed"]
    assert ends == ["remark", "asked", "typed"]


async def test_a_full_memory_is_reported_once_and_still_answers() -> None:
    items = [*changing(5), Question("q", "what?", 9.0)]
    with scripted_services(assistant=ScriptedAssistant(full=2)) as services:
        out = await run(items, services)
    (degraded,) = [o for o in out if isinstance(o, Degraded)]
    assert "no room" in degraded.message
    assert "(2 seen, 0 to 1 s)" in answer_text(out, "q")


async def test_a_memory_that_cannot_be_opened_is_kept_in_ram() -> None:
    class Folderless(ScriptedAssistant):
        def init_state(
            self, folder: Path | None, *, durable: bool = False
        ) -> tuple[list[Moment], list[str]]:
            if folder is not None:
                raise StoreError("no such disk")
            return super().init_state(folder, durable=durable)

    out: list[Output] = []

    async def send(output: Output) -> None:
        out.append(output)

    items = [*changing(5), Question("q", "what?", 9.0)]
    with scripted_services(assistant=Folderless()) as services:
        await run_session(
            replayed(items),
            send,
            services=services,
            clock=ReplayClock(),
            limits=Limits.replay(),
            memory=Path("gone"),
        )
    (degraded,) = [o for o in out if isinstance(o, Degraded)]
    assert "no such disk" in degraded.message
    assert "(5 seen" in answer_text(out, "q")


def png(brightness: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (brightness,) * 3).save(file, "PNG")
    return file.getvalue()


async def test_a_question_with_pictures_is_about_these_alone() -> None:
    question = Question("q", "what?", 1.0, pictures=(png(10), png(200)))
    with scripted_services() as services:
        out = await run([*changing(2), question], services)
    assert "(2 seen, 0 to 1 s)" in answer_text(out, "q")
    assert next(o for o in out if isinstance(o, Evidence)).moments == ()
    assert len([o for o in out if isinstance(o, Remembered)]) == 2


async def test_a_picture_that_cannot_be_read_is_answered_with_why() -> None:
    question = Question("q", "what?", 1.0, pictures=(b"no picture",))
    with scripted_services() as services:
        out = await run([question, *changing(1)], services)
    assert "not a readable image" in answer_text(out, "q")
    assert any(isinstance(o, Remembered) for o in out)


class EndlessAssistant(ScriptedAssistant):
    """Answers without end."""

    def answer(
        self, state: object, text: str, time: float, conversation: Sequence[Exchange] = ()
    ) -> AssistantAnswer:
        def pieces() -> Iterator[str]:
            while True:
                yield text

        return AssistantAnswer(pieces())


async def test_seeing_goes_on_while_an_answer_is_generated() -> None:
    """The answer ends only when a picture that came after the question was remembered."""
    seen = asyncio.Event()

    async def source() -> AsyncIterator[Input]:
        yield Question("q", "hm", 0.0)
        yield picture(SECOND)
        await seen.wait()
        yield Cancel("q")

    out: list[Output] = []

    async def send(output: Output) -> None:
        out.append(output)
        if isinstance(output, Remembered):
            seen.set()

    with scripted_services(assistant=EndlessAssistant()) as services:
        await run_session(source(), send, services=services, clock=ReplayClock())
    assert [o.status for o in out if isinstance(o, Answer)][-1] == "cancelled"


class SentenceAssistant(ScriptedAssistant):
    """Answers with one ready sentence, and counts its answers."""

    started = 0

    def answer(
        self, state: object, text: str, time: float, conversation: Sequence[Exchange] = ()
    ) -> AssistantAnswer:
        def pieces() -> Iterator[str]:
            self.started += 1
            yield "I have not seen it."

        return AssistantAnswer(pieces(), (), 7)


async def test_a_sentence_that_is_ready_comes_word_by_word_and_can_be_cancelled() -> None:
    out: list[Output] = []
    started = asyncio.Event()

    async def source() -> AsyncIterator[Input]:
        yield Question("whole", "hm", 0.0)
        yield Question("cut", "hm", 0.0)
        await started.wait()
        yield Cancel("cut")

    class Paused(ReplayClock):
        """Lets the first answer pass, and stops after the first word of the second."""

        async def sleep_until(self, time: float) -> None:
            if started.is_set():
                await asyncio.sleep(0)  # the source goes on
            await super().sleep_until(time)

    async def send(output: Output) -> None:
        out.append(output)
        if isinstance(output, Answer) and output.id == "cut" and output.text:
            started.set()

    with scripted_services(assistant=SentenceAssistant()) as services:
        await run_session(source(), send, services=services, clock=Paused())
    pieces = [o.text for o in out if isinstance(o, Answer) and o.id == "whole"]
    assert pieces == ["I", " have", " not", " seen", " it.", ""]
    assert answer_text(out, "cut") in ("I", "I have")
    assert [o.status for o in out if isinstance(o, Answer)][-1] == "cancelled"
    assert [o.read for o in out if isinstance(o, Evidence)] == [7, 7]


async def test_a_question_that_is_cancelled_while_it_waits_is_not_generated() -> None:
    assistant = SentenceAssistant()
    spoken: list[Input] = [Question("q", "hm", 0.0, spoken=True), Cancel("q")]

    out: list[Output] = []

    async def send(output: Output) -> None:
        out.append(output)
        if isinstance(output, Evidence):
            await asyncio.sleep(0)  # the cancellation overtakes the answer

    with scripted_services(assistant=assistant) as services:
        await run_session(replayed(spoken), send, services=services, clock=ReplayClock())
    assert assistant.started == 0
    assert [o.status for o in out if isinstance(o, Answer)] == ["cancelled"]


async def test_a_stream_that_is_resized_turned_and_black_is_remembered_all_along() -> None:
    sizes = [(90, 160), (160, 90), (720, 1280), (2, 2), (90, 160)]
    frames: list[Input] = [
        picture(n * SECOND, height=h, width=w, brightness=0) for n, (h, w) in enumerate(sizes)
    ]
    with scripted_services() as services:
        out = await run([*frames, Question("q", "what?", 9.0)], services)
    assert "(5 seen, 0 to 4 s)" in answer_text(out, "q")
    assert not [o for o in out if isinstance(o, Degraded)]


async def test_without_video_and_before_the_first_picture_a_question_is_answered() -> None:
    with scripted_services() as services:
        none = await run([Question("q", "what?", 5.0)], services)
        early = await run([Question("q", "what?", 0.0), *changing(3, start=1)], services)
    assert "(nothing was seen)" in answer_text(none, "q")
    assert "(nothing was seen)" in answer_text(early, "q")
    assert len([o for o in early if isinstance(o, Remembered)]) == 3


async def test_a_hundred_questions_at_once_are_all_answered_in_their_order() -> None:
    questions: list[Input] = [Question(f"q{n}", str(n), 1.0) for n in range(100)]
    with scripted_services() as services:
        out = await run([*changing(2), *questions], services)
    done = [o.id for o in out if isinstance(o, Answer) and o.status == "completed"]
    assert done == [f"q{n}" for n in range(100)]
    assert all(f" {n} " in answer_text(out, f"q{n}") for n in range(100))


async def test_a_substitute_is_analyzed_once_and_as_of_its_capture() -> None:
    bright = picture(30_000, brightness=200)
    items: list[Input] = [
        picture(0),
        bright,  # too early to be analyzed
        replace(bright, stands_at=SECOND),
        replace(bright, stands_at=2 * SECOND),  # shows nothing new
        picture(3 * SECOND, brightness=90),
    ]
    with scripted_services() as services:
        out = await run(items, services)
    times = [o.moment.time for o in out if isinstance(o, Remembered)]
    assert times == [0, 30_000 / SECOND, 3]

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.channel import Channel
from media.clock import ReplayClock
from media.counters import Counters
from media.events.answers import Answer, Cancel, Question, Speech
from media.events.hearing import Caption, Clear, Commit, ListeningConfig, TurnEnded, TurnStarted
from media.events.session import Input, Output
from media.frames import AudioChunk, VideoFrame
from media.pipeline.interfaces import Samples
from media.pipeline.limits import Limits
from media.pipeline.models.services import Services
from media.pipeline.session import run_session
from models.asr.words import TranscriptUpdate
from tests.media.pipeline.scripted import (
    RATE,
    BlockRecognizer,
    BlockState,
    BrokenAssistant,
    chunks,
    picture,
    replayed,
    scripted_services,
    silence,
    tone,
)
from tests.media.pipeline.scripted_assistant import MARK

T = TypeVar("T")
SPOKEN = np.concatenate([silence(1), tone(1), silence(1), tone(0.6), silence(1)])


async def session(
    items: Iterable[Input],
    services: Services,
    *,
    limits: Limits | None = None,
    return_video: bool = False,
    counters: Counters | None = None,
) -> list[Output]:
    out: list[Output] = []

    async def send(output: Output) -> None:
        out.append(output)

    await run_session(
        replayed(items),
        send,
        services=services,
        clock=ReplayClock(),
        limits=limits or Limits.replay(),
        counters=counters,
        return_video=return_video,
    )
    return out


def of(kind: type[T], outputs: Sequence[object]) -> list[T]:
    return [output for output in outputs if isinstance(output, kind)]


async def test_speech_becomes_turns_with_partial_and_final_captions() -> None:
    with scripted_services() as services:
        out = await session(chunks(SPOKEN), services)
    assert [turn.turn for turn in of(TurnStarted, out)] == [1, 2]
    starts = [turn.time for turn in of(TurnStarted, out)]
    assert starts == pytest.approx([1 - 0.3, 3 - 0.3], abs=0.04)
    ends = [turn.end for turn in of(TurnEnded, out)]
    assert ends == pytest.approx([2 + 0.3, 3.6 + 0.3], abs=0.04)
    finals = [caption for caption in of(Caption, out) if caption.final]
    assert [caption.turn for caption in finals] == [1, 2]
    assert all(caption.stable == len(caption.words) for caption in finals)
    partial = [caption for caption in of(Caption, out) if not caption.final and caption.turn == 1]
    assert len(partial) > 3
    for earlier, later in zip(partial, [*partial[1:], finals[0]], strict=True):
        assert later.words[: earlier.stable] == earlier.words[: earlier.stable]
    assert finals[0].words[0].start == pytest.approx(1.0, abs=0.21)
    assert finals[0].words[-1].end == pytest.approx(2.0, abs=0.21)


@pytest.mark.slow
@given(cuts=st.lists(st.integers(0, len(SPOKEN)), max_size=20).map(sorted))
@settings(max_examples=15)
def test_captions_do_not_depend_on_how_the_sound_was_cut(cuts: list[int]) -> None:
    async def captions(parts: list[AudioChunk]) -> list[Caption]:
        with scripted_services() as services:
            return of(Caption, await session(parts, services))

    edges = [0, *cuts, len(SPOKEN)]
    parts = [AudioChunk(SPOKEN[a:b], a, RATE) for a, b in pairwise(edges) if b > a]
    assert asyncio.run(captions(parts)) == asyncio.run(captions(chunks(SPOKEN)))


async def test_a_short_hole_is_silence_and_a_long_one_ends_the_turn() -> None:
    first = chunks(tone(1))
    near = chunks(tone(1), start=round(1.2 * RATE))
    far = chunks(tone(1), start=round(10 * RATE))
    with scripted_services() as services:
        out = await session([*first, *near, *far], services)
    assert [turn.time for turn in of(TurnStarted, out)] == pytest.approx([0.0, 10.0], abs=0.05)
    finals = [caption for caption in of(Caption, out) if caption.final]
    assert finals[0].words[-1].end == pytest.approx(2.2, abs=0.21)
    assert finals[1].words[0].start == pytest.approx(10.0, abs=0.21)


async def test_sound_that_comes_twice_is_used_once() -> None:
    parts = chunks(SPOKEN)
    with scripted_services() as services:
        twice = await session([part for part in parts for _ in range(2)], services)
        once = await session(parts, services)
    assert of(Caption, twice) == of(Caption, once)


async def test_without_detection_a_commit_ends_the_turn() -> None:
    listening = ListeningConfig(detection=None)
    items: list[Input] = [
        listening,
        *chunks(tone(1)),
        Commit(),
        *chunks(tone(0.4), start=RATE),
        Commit(),
    ]
    with scripted_services() as services:
        out = await session(items, services)
    ended = of(TurnEnded, out)
    assert [(turn.start, turn.end, turn.detected) for turn in ended] == [
        (0.0, 1.0, False),
        (1.0, 1.4, False),
    ]
    finals = [caption.text for caption in of(Caption, out) if caption.final]
    assert finals == ["w0 w1 w2 w3 w4", "w0 w1"]


async def test_a_commit_of_silence_gives_an_empty_final_caption() -> None:
    with scripted_services() as services:
        out = await session([*chunks(silence(1)), Commit()], services)
    [caption] = of(Caption, out)
    assert caption.final
    assert caption.words == ()


@pytest.mark.parametrize("size", [160, 700, 16_000])
async def test_without_detection_silence_is_not_given_to_the_recognizer(size: int) -> None:
    """A recognizer invents words for silence, so a turn starts before its first speech."""
    recognizer = BlockRecognizer()
    sound = np.concatenate([silence(5), tone(1), silence(2)])
    items: list[Input] = [
        ListeningConfig(detection=None),
        *chunks(silence(3), size=size),
        Commit(),
        *chunks(sound, size=size, start=3 * RATE),
        Commit(),
    ]
    with scripted_services(recognizer=recognizer) as services:
        out = await session(items, services)
    silent, spoken = (caption for caption in of(Caption, out) if caption.final)
    assert silent.words == ()
    assert spoken.words[0].start == pytest.approx(8.0, abs=0.21)
    assert spoken.words[-1].end == pytest.approx(9.0, abs=0.21)
    ended = [(turn.start, turn.end) for turn in of(TurnEnded, out)]
    assert ended == [(0.0, 3.0), (3.0, 11.0)]


async def test_clear_discards_the_turn_in_progress() -> None:
    items: list[Input] = [*chunks(tone(1)), Clear(), *chunks(silence(1), start=RATE)]
    with scripted_services() as services:
        out = await session(items, services)
    assert of(TurnEnded, out) == []
    assert [caption for caption in of(Caption, out) if caption.final] == []


async def test_a_turn_is_answered_if_the_session_responds() -> None:
    items: list[Input] = [
        ListeningConfig(respond=True, spoken=True),
        picture(0),
        *chunks(SPOKEN[: 3 * RATE]),
    ]
    with scripted_services() as services:
        out = await session(items, services)
    answers = of(Answer, out)
    assert {answer.id for answer in answers} == {"turn-1"}
    text = "".join(answer.text for answer in answers)
    assert text.startswith(MARK)
    assert "w2" in text
    assert "(1 seen, 0 to 0 s)" in text
    assert all(answer.stand_in for answer in answers)
    assert answers[-1].status == "completed"
    speech = of(Speech, out)
    assert speech[-1].chunk is None
    assert speech[-1].status == "completed"
    spoken = [piece.chunk for piece in speech[:-1]]
    assert all(chunk is not None for chunk in spoken)
    starts = [chunk.start for chunk in spoken if chunk]
    ends = [chunk.end for chunk in spoken if chunk]
    assert starts == [0, *ends[:-1]]


async def test_an_answer_knows_no_frame_after_its_question() -> None:
    frames = [picture(n * 90_000, brightness=20 * n) for n in range(10)]
    with scripted_services() as services:
        out = await session([*frames, Question("q", "how many?", 3.5)], services)
    assert "(4 seen, 0 to 3 s)" in "".join(answer.text for answer in of(Answer, out))


async def test_a_cancelled_question_says_so() -> None:
    question = Question("q", "count " + "x " * 500, 0.0, spoken=True)
    with scripted_services() as services:
        out = await session([question, Cancel("q")], services, limits=Limits())
    assert of(Answer, out)[-1].status == "cancelled"
    assert of(Speech, out)[-1].status == "cancelled"


async def test_a_replay_answers_every_question_whole() -> None:
    items: list[Input] = [Question("q", "count x x x", 0.0), Cancel("q"), *chunks(tone(1))]
    with scripted_services() as services:
        out = await session(items, services)
    assert of(Answer, out)[-1].status == "completed"


@pytest.mark.parametrize(("outside", "end"), [(False, "cancelled"), (True, "completed")])
async def test_speaking_cancels_the_answer_in_progress_unless_it_is_for_somebody_outside(
    outside: bool, end: str
) -> None:
    release = asyncio.Event()

    async def source() -> AsyncIterator[Input]:
        yield ListeningConfig(interrupt=True)
        yield Question("q", "count " + "x " * 500, 0.0, outside=outside)
        for chunk in chunks(tone(1)):
            yield chunk
        await release.wait()

    statuses: list[str] = []

    async def send(output: Output) -> None:
        if isinstance(output, TurnStarted):
            release.set()
        if isinstance(output, Answer):
            await release.wait()
            statuses.append(output.status)

    with scripted_services() as services:
        await run_session(source(), send, services=services, clock=ReplayClock())
    assert statuses[-1] == end


async def test_frames_are_returned_with_their_caption() -> None:
    sound = chunks(tone(1))
    counters = Counters()
    frames = [picture(n * 9000) for n in range(40)]
    with scripted_services() as services:
        out = await session(
            [frames[0], *sound, *frames[1:]], services, return_video=True, counters=counters
        )
    returned = of(VideoFrame, out)
    assert [frame.pts for frame in returned] == [frame.pts for frame in frames]
    assert counters.frames_in == counters.frames_out == 40
    assert counters.turns == 1
    assert counters.audio_seconds == pytest.approx(1.0)


async def test_substitutes_are_returned_and_counted_by_themselves() -> None:
    counters, frame = Counters(), picture(9000)
    frames = [picture(0), frame, replace(frame, stands_at=30_000), picture(40_000)]
    with scripted_services() as services:
        out = await session(list(frames), services, return_video=True, counters=counters)
    assert [f.pts for f in of(VideoFrame, out)] == [0, 9000, 9000, 40_000]
    assert (counters.frames_in, counters.substitutes, counters.frames_out) == (3, 1, 4)


class Blocked(BlockRecognizer):
    """Ends a turn only when it is released."""

    def __init__(self, released: threading.Event) -> None:
        super().__init__()
        self._released = released

    def flush(self, state: BlockState, last: Samples | None = None) -> Sequence[TranscriptUpdate]:
        self._released.wait()
        return super().flush(state, last)


async def test_a_slow_recognizer_never_delays_frames() -> None:
    """The first recognition ends only when every frame has come back."""
    returned: set[int] = set()
    released = threading.Event()
    shown = asyncio.Event()

    async def source() -> AsyncIterator[Input]:
        yield ListeningConfig(detection=None)
        for chunk in chunks(tone(1)):
            yield chunk
        yield Commit()
        for n in range(30):
            shown.clear()
            yield picture(n * 3000)
            await shown.wait()
        released.set()

    async def send(output: Output) -> None:
        if isinstance(output, VideoFrame):
            returned.add(output.pts)
            shown.set()

    with scripted_services(recognizer=Blocked(released)) as services:
        await run_session(source(), send, services=services, clock=ReplayClock(), return_video=True)
    assert len(returned) == 30


async def test_a_turn_that_is_over_before_it_is_recognized_gets_its_final_caption_only() -> None:
    sound = [AudioChunk(np.concatenate([tone(4), silence(1)]), 0, RATE)]
    for limits, partial in ((Limits(max_lag=1.5), False), (Limits.replay(), True)):
        with scripted_services() as services:
            captions = of(Caption, await session(sound, services, limits=limits))
        assert any(not caption.final for caption in captions) is partial
        assert len(captions[-1].words) == 20


async def test_a_recognizer_that_is_behind_skips_interim_captions_only_live() -> None:
    sound = [AudioChunk(tone(20), 0, RATE)]
    for limits, skipped in ((Limits(max_lag=1.5), True), (Limits.replay(), False)):
        recognizer = BlockRecognizer()
        with scripted_services(recognizer=recognizer) as services:
            await run_session(
                replayed(sound), discard, services=services, clock=ReplayClock(), limits=limits
            )
        assert any(recognizer.skipped_interim) is skipped


async def discard(output: Output) -> None: ...


async def test_a_failed_stage_ends_the_session_and_leaves_no_task() -> None:
    async def endless() -> AsyncIterator[Input]:
        pts = 0
        while True:
            yield picture(pts)
            pts += 3000
            await asyncio.sleep(0)

    with (
        scripted_services(assistant=BrokenAssistant()) as services,
        pytest.RaisesGroup(RuntimeError, flatten_subgroups=True),
    ):
        await run_session(endless(), discard, services=services, clock=ReplayClock())
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_receive_all_waits_for_the_first_and_takes_the_rest() -> None:
    channel = Channel[int](8)
    for n in range(3):
        await channel.send(n)
    assert await channel.receive_all() == [0, 1, 2]
    await channel.close()
    assert await channel.receive_all() == []

"""Whole sessions with generation, replayed: the same events give the same frames."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.clock import ReplayClock
from media.counters import Counters
from media.events.answers import Question
from media.events.generation import (
    ClearTrack,
    GeneratedImage,
    GenerationInput,
    GenerationStatus,
    PromptChange,
    TrackPoints,
)
from media.events.hearing import Caption
from media.events.session import Input, Output
from media.events.vision import Degraded
from media.frames import VIDEO_CLOCK_HZ, VideoFrame
from media.pipeline.limits import FrameOutput, Limits
from media.pipeline.models.services import Services
from media.pipeline.session import run_session
from tests.media.pipeline.generation.scripted_generator import (
    SIDE,
    ScriptedGenerator,
    colors,
    config,
)
from tests.media.pipeline.scripted import (
    chunks,
    picture,
    replayed,
    scripted_services,
    silence,
    tone,
)

LIMITS = Limits(
    lossless=True, repeatable=True, max_lag=None, frame_output=FrameOutput(min_side=SIDE)
)


@contextmanager
def generation_services() -> Iterator[Services]:
    with scripted_services(generator=ScriptedGenerator()) as services:
        yield services


def prompt(text: str, time: float = 0.0) -> PromptChange:
    return PromptChange(((text, 1.0),), time)


async def session(
    items: Iterable[Input],
    services: Services,
    *,
    return_video: bool = True,
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
        limits=LIMITS,
        return_video=return_video,
        counters=counters,
    )
    return out


def shown(outputs: Iterable[Output]) -> list[VideoFrame]:
    return [output for output in outputs if isinstance(output, VideoFrame)]


def placed(seconds: float, controls: Iterable[GenerationInput]) -> list[Input]:
    """Return silence of `seconds` with `controls` at their times."""
    waiting = sorted(controls, key=lambda control: control.time)
    items: list[Input] = []
    for chunk in chunks(silence(seconds)):
        while waiting and waiting[0].time <= chunk.time:
            items.append(waiting.pop(0))
        items.append(chunk)
    return items + list(waiting)


async def test_a_session_shows_sixteen_frames_a_second_of_its_own_time() -> None:
    counters = Counters()
    with generation_services() as services:
        out = await session(placed(3.0, [prompt("a duck"), config()]), services, counters=counters)
    frames = shown(out)
    assert len(frames) == 49  # one at 0, and 16 in each of three seconds
    assert [red for red, _, _ in colors(frames)] == list(range(49))
    assert {b.pts - a.pts for a, b in pairwise(frames)} == {VIDEO_CLOCK_HZ // 16}
    assert counters.drawn == 49
    reports = [each for each in out if isinstance(each, GenerationStatus)]
    assert {each.state for each in reports} == {"drawing"}
    assert not any(each.degraded for each in reports)


CONTROLS = st.lists(
    st.one_of(
        st.builds(prompt, st.sampled_from(["a", "bb", "ccc", "dddd"]), st.floats(0, 2)),
        st.builds(
            TrackPoints,
            st.just(0),
            st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5).map(
                tuple
            ),
            st.none(),
            st.floats(0, 2),
        ),
        st.builds(ClearTrack, st.none(), st.floats(0, 2)),
        st.builds(
            lambda time, **how: config(time=time, **how),
            st.floats(0, 2),
            seed=st.integers(0, 2),
            steps=st.sampled_from([None, 1, 2]),
            paused=st.booleans(),
            sampler=st.sampled_from(["motion-stream", "rolling-forcing"]),
        ),
    ),
    max_size=6,
)


@pytest.mark.slow
@given(controls=CONTROLS, cut=st.floats(0, 2))
@settings(max_examples=20)
def test_later_controls_never_change_earlier_frames_and_a_replay_is_the_same(
    controls: list[GenerationInput], cut: float
) -> None:
    first: list[GenerationInput] = [prompt("a duck"), config()]

    async def pictures(steering: list[GenerationInput]) -> list[tuple[int, tuple[int, int, int]]]:
        with generation_services() as services:
            frames = shown(await session(placed(2.0, steering), services))
        return [(f.pts, c) for f, c in zip(frames, colors(frames), strict=True)]

    whole = asyncio.run(pictures([*first, *controls]))
    assert whole == asyncio.run(pictures([*first, *controls]))
    early = [each for each in controls if each.time <= cut]
    before = asyncio.run(pictures([*first, *early]))
    until = cut * VIDEO_CLOCK_HZ
    assert [p for p in whole if p[0] <= until] == [p for p in before if p[0] <= until]


async def test_captions_lie_over_generated_frames_and_questions_are_answered_meanwhile() -> None:
    spoken = np.concatenate([silence(0.5), tone(1), silence(1)])
    with generation_services() as services:
        limits = Limits(
            lossless=True, repeatable=True, max_lag=None, frame_output=FrameOutput(min_side=120)
        )
        out: list[Output] = []
        captioned = asyncio.Event()

        async def send(output: Output) -> None:
            out.append(output)
            if isinstance(output, Caption) and output.final:
                captioned.set()

        async def source() -> AsyncIterator[Input]:
            begin: list[Input] = [prompt("a duck"), config(), *chunks(spoken)]
            for item in begin:
                yield item
            await captioned.wait()  # recognition is another task: frames must not be over before
            yield Question("q", "what?", 2.5)
            for chunk in chunks(silence(3), start=len(spoken)):
                yield chunk

        await run_session(
            source(),
            send,
            services=services,
            clock=ReplayClock(),
            limits=limits,
            return_video=True,
        )
    frames = shown(out)
    assert {frame.pixels.shape for frame in frames} == {(120, 120, 3)}
    lettered = [frame for frame in frames if frame.pixels.max() > 200]
    assert lettered
    assert any(getattr(each, "id", None) == "q" for each in out)


async def test_camera_frames_are_hidden_by_generated_ones_and_still_remembered() -> None:
    counters = Counters()
    items: list[Input] = [picture(0)]
    items += [prompt("a duck", 0.5), config(time=0.5)]
    items += [picture(n * VIDEO_CLOCK_HZ // 4) for n in range(3, 12)]
    items += [config(time=2.9, enabled=False), picture(3 * VIDEO_CLOCK_HZ)]
    with generation_services() as services:
        frames = shown(await session(items, services, counters=counters))
    camera = [frame.pts for frame in frames if frame.pixels.shape != (SIDE, SIDE, 3)]
    assert camera == [0, 3 * VIDEO_CLOCK_HZ]
    assert len(frames) > 30
    assert counters.frames_in == 11
    assert counters.looks == 2  # of a still picture one in two seconds
    assert [f.pts for f in frames] == sorted(f.pts for f in frames)


async def test_without_returned_video_frames_are_generated_only_as_files() -> None:
    with generation_services() as services:
        none = await session(
            placed(1.0, [prompt("a duck"), config()]), services, return_video=False
        )
    with generation_services() as services:
        some = await session(
            placed(1.0, [prompt("a duck"), config(pictures=True)]), services, return_video=False
        )
    assert not [each for each in none if isinstance(each, GeneratedImage | VideoFrame)]
    assert [each.state for each in none if isinstance(each, GenerationStatus)] == ["waiting"]
    files = [each for each in some if isinstance(each, GeneratedImage)]
    assert [each.number for each in files] == list(range(1, 18))
    assert not shown(some)


async def test_a_missing_generator_is_reported_once_and_the_camera_is_shown() -> None:
    items: list[Input] = [prompt("a duck"), config(), picture(0), config(seed=3), picture(9000)]
    with scripted_services() as services:
        out = await session(items, services)
    assert len(shown(out)) == 2
    assert len([each for each in out if isinstance(each, Degraded)]) == 1


async def test_a_session_releases_its_slot_however_it_ends() -> None:
    async def broken() -> None:
        raise RuntimeError("no")

    with generation_services() as services:
        assert services.generation is not None
        await session(placed(0.5, [prompt("a duck"), config()]), services)
        assert services.generation.slots.acquire()
        services.generation.slots.release()

        async def send(output: Output) -> None:
            if isinstance(output, VideoFrame):
                await broken()

        with pytest.raises(ExceptionGroup):
            await run_session(
                replayed(placed(0.5, [prompt("a duck"), config()])),
                send,
                services=services,
                clock=ReplayClock(),
                limits=LIMITS,
                return_video=True,
            )
        assert services.generation.slots.acquire()

"""The live generation stage, under a clock that advances from one waiting task to the next."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from media.events.generation import ClearTrack, LooksChange, PromptChange, TrackPoints
from media.frames import VIDEO_CLOCK_HZ, VideoFrame
from media.pipeline.models.generation import GenerationSlots
from models.generation.own_look import OwnLook
from tests.media.pipeline.generation.scripted_generator import CHUNK, RunningStage, colors, config
from tests.media.pipeline.scripted import picture

PERIOD = 1 / 16


@asynccontextmanager
async def running_stage(*args: Any, **options: Any) -> AsyncIterator[RunningStage]:
    stage = RunningStage(*args, **options)
    try:
        yield stage
    finally:
        stage.reading.set()
        await stage.end()


def prompt(text: str) -> PromptChange:
    return PromptChange(((text, 1.0),), 0.0)


def colors_of(stage: RunningStage) -> list[tuple[int, int, int]]:
    return colors([frame for _, frame in stage.shown])


async def test_frames_are_shown_in_order_sixteen_a_second_at_their_times() -> None:
    async with running_stage() as stage:
        await stage.enable()
        await stage.clock.go(5.0)
    times = [time for time, _ in stage.shown]
    assert [red for red, _, _ in colors_of(stage)] == list(range(len(times)))
    assert times[0] == pytest.approx(0.05)  # as soon as the first chunk is made
    assert all(b - a == pytest.approx(PERIOD) for a, b in pairwise(times))
    assert [frame.pts for _, frame in stage.shown] == [round(t * VIDEO_CLOCK_HZ) for t in times]
    assert stage.counters.drawn == len(times)


async def test_a_chunk_starts_late_and_at_most_one_waits() -> None:
    async with running_stage(0.05) as stage:
        await stage.enable()
        for tenth in range(1, 40):
            await stage.clock.go(tenth / 10)
            made, shown = len(stage.generator.requests) * CHUNK, len(stage.shown)
            assert made - shown <= CHUNK + 1  # one waits, and the next starts a frame early
            assert stage.waiting <= CHUNK


async def test_a_new_prompt_replaces_waiting_frames_and_no_others() -> None:
    async with running_stage(0.05) as stage:
        await stage.enable("a duck")
        await stage.clock.go(0.9)
        before = colors_of(stage)
        waiting = stage.waiting
        await stage.put(prompt("a car on sand"))
        await stage.clock.go(2.0)
        after = colors_of(stage)
    assert after[: len(before)] == before
    assert waiting > 0
    first = next(n for n, (_, green, _) in enumerate(after) if green == len("a car on sand"))
    delay = stage.counters.draw_delay
    assert delay is not None
    assert stage.shown[first][0] - 0.9 == pytest.approx(delay)
    assert delay <= 2 * 0.05 + PERIOD
    assert after[first][0] - after[first - 1][0] > 1  # pictures that waited were passed over
    assert all(green == len("a car on sand") for _, green, _ in after[first:])


async def test_the_same_prompt_again_changes_nothing() -> None:
    async with running_stage(0.05) as stage:
        await stage.enable("a duck")
        await stage.clock.go(1.0)
        await stage.put(prompt("a duck"))
        await stage.clock.go(2.0)
        reds = [red for red, _, _ in colors_of(stage)]
    assert reds == list(range(len(reds)))


@pytest.mark.parametrize("cost", [0.01, 0.06, 0.2])
async def test_fifty_changes_a_second_are_applied_together_and_none_is_late(cost: float) -> None:
    async with running_stage(cost) as stage:
        await stage.enable("x")
        await stage.clock.go(1.0)
        for n in range(100):
            await stage.put(prompt("x" * (2 + n)))
            await stage.clock.go(1.0 + (n + 1) / 50)
            delay = stage.counters.draw_delay
            assert delay is None or delay <= CHUNK * PERIOD + 2 * cost + PERIOD
        await stage.clock.go(4.0)
        steps = len(stage.generator.requests)
    assert colors_of(stage)[-1][1] == 101  # the last wins
    times = [time for time, _ in stage.shown]
    assert max(b - a for a, b in pairwise(times)) <= 2 * cost + PERIOD  # it never stood still
    assert steps <= 2 * 4.0 * 16 / CHUNK  # never more than twice the work


async def test_a_live_track_shows_in_the_next_chunk_and_drops_no_frame() -> None:
    async with running_stage(0.05) as stage:
        await stage.enable()
        for n in range(60):
            await stage.clock.go(1.0 + n / 30)
            await stage.put(TrackPoints(0, ((n / 60, 0.5),), None, 0.0))
        await stage.clock.go(4.0)
    blues = [blue for _, _, blue in colors_of(stage)]
    assert blues == sorted(blues)
    assert blues[-1] == round(59 / 60 * 200)
    reds = [red for red, _, _ in colors_of(stage)]
    assert reds == list(range(len(reds)))
    delay = stage.counters.draw_delay
    assert delay is not None
    assert delay <= CHUNK * PERIOD + 2 * PERIOD + 1e-6  # 1 waits, 1 is shown


async def test_a_slow_generator_gets_fewer_steps_then_fewer_frames_and_reports_it() -> None:
    async with running_stage(lambda steps: 0.1 * (steps + 1)) as stage:  # 2 steps: 0.3 s, 1: 0.2 s
        await stage.enable()
        await stage.clock.go(5.0)
        fewer = stage.reports[-1]
        assert (fewer.steps, fewer.rate, fewer.degraded) == (1, 16.0, True)
        assert fewer.fps == pytest.approx(16, abs=1)
        stage.cost = lambda _: 0.5
        await stage.clock.go(15.0)
        slower = stage.reports[-1]
        assert slower.steps == 1
        assert 5 < slower.rate < 8  # 4 pictures in 0.5 s, and a little to spare
        assert slower.fps == pytest.approx(slower.rate, abs=1.1)
        await stage.put(prompt("a car on sand"))
        await stage.clock.go(20.0)
        delay = stage.counters.draw_delay
        assert delay is not None
        assert delay <= 2 * 0.5 + 1 / slower.rate  # what waits is not added
        stage.cost = lambda steps: 0.02 * (steps + 1)
        await stage.clock.go(60.0)
        well = stage.reports[-1]
    assert (well.steps, well.rate, well.degraded) == (2, 16.0, False)


async def test_a_sampler_that_cannot_change_its_steps_gets_fewer_frames() -> None:
    async with running_stage(0.4) as stage:
        await stage.enable(sampler="rolling-forcing")
        await stage.clock.go(10.0)
        last = stage.reports[-1]
    assert (last.sampler, last.steps, last.degraded) == ("rolling-forcing", 3, True)
    assert last.rate < 10
    assert {each.steps for each in stage.generator.requests} == {3}


async def test_the_delay_of_a_track_includes_the_chunks_in_flight() -> None:
    async with running_stage(0.05) as stage:
        await stage.enable(sampler="rolling-forcing")
        await stage.clock.go(2.0)
        await stage.put(TrackPoints(0, ((0.5, 0.5),), None, 0.0))
        await stage.clock.go(4.0)
    first = next(n for n, (_, _, blue) in enumerate(colors_of(stage)) if blue)
    delay = stage.counters.draw_delay
    assert delay == pytest.approx(stage.shown[first][0] - 2.0)
    assert delay is not None
    assert delay > 2 * CHUNK * PERIOD  # two chunks were in flight before it


async def test_nothing_is_generated_while_paused_but_for_one_chunk_a_step() -> None:
    async with running_stage(0.05) as stage:
        await stage.enable()
        await stage.clock.go(1.0)
        await stage.put(config(paused=True))
        await stage.clock.go(2.0)
        assert stage.state == "paused"
        still = stage.counters.drawn
        held = len(stage.shown)
        await stage.clock.go(5.0)
        assert stage.counters.drawn == still
        assert len(stage.shown) == held + 6  # twice a second again, for captions to go on over it
        assert len(set(colors_of(stage)[held - 1 :])) == 1
        await stage.put(config(paused=True, once=True))
        await stage.clock.go(7.0)
        assert stage.counters.drawn == still + CHUNK
        await stage.put(config())
        await stage.clock.go(8.0)
        assert stage.state == "drawing"
    reds = [red for red, _, _ in colors_of(stage)]
    assert sorted(set(reds)) == list(range(stage.counters.drawn))
    assert reds == sorted(reds)


@pytest.mark.parametrize("change", [{"again": True}, {"seed": 3}, {"sampler": "rolling-forcing"}])
async def test_a_reset_a_seed_and_a_sampler_start_another_video(change: dict[str, Any]) -> None:
    async with running_stage(0.05) as stage:
        await stage.enable()
        await stage.clock.go(2.0)
        await stage.put(config(**change))
        await stage.clock.go(4.0)
    reds = [red for red, _, _ in colors_of(stage)]
    restart = reds.index(0, 1)
    assert reds[restart:] == list(range(len(reds) - restart))


async def test_the_camera_is_shown_before_and_after_generation() -> None:
    async with running_stage(0.05) as stage:
        await stage.put(picture(0, brightness=99))
        await stage.enable()
        await stage.put(picture(900, brightness=99))  # no frame is generated yet
        await stage.clock.go(1.0)
        count = len(stage.shown)
        await stage.put(picture(VIDEO_CLOCK_HZ, brightness=99))
        assert len(stage.shown) == count
        await stage.put(config(enabled=False), picture(2 * VIDEO_CLOCK_HZ, brightness=99))
        await stage.clock.go(2.0)
        assert stage.state == "off"
        camera = [frame.pts for _, frame in stage.shown if frame.pixels.shape != (16, 16, 3)]
    assert camera == [0, 900, 2 * VIDEO_CLOCK_HZ]


async def test_a_chunk_starts_from_the_camera_frames_of_the_last_quarter_second() -> None:
    async with running_stage(0.05) as stage:
        await stage.enable(camera=True, strength=0.4)
        assert "camera" in " ".join(stage.reports[-1].notices)
        for n in range(64):
            await stage.put(picture(n * VIDEO_CLOCK_HZ // 32, brightness=n))
            await stage.clock.go((n + 1) / 32)
        last = stage.generator.requests[-1]
        assert last.start is not None
        assert last.strength == 0.4
        means = [int(pixels.mean()) for pixels in last.start]
        assert stage.reports[-1].notices == ("read a duck",)
    assert all(b - a == 2 for a, b in pairwise(means))  # 32 a second came, 16 are generated
    assert means[-1] >= 55  # of 64, as the last chunk has started before 1.8 s


async def test_only_so_many_sessions_generate_and_the_next_starts_when_one_ends() -> None:
    slots = GenerationSlots(1)
    async with running_stage(slots=slots) as one:
        await one.enable()
        await one.clock.go(1.0)
        async with running_stage(slots=slots) as two:
            await two.enable()
            await two.clock.go(1.0)
            assert two.state == "full"
            assert not two.shown
            await one.put(config(enabled=False))
            await two.put(picture(VIDEO_CLOCK_HZ))
            await two.clock.go(2.0)
            assert two.state == "drawing"
    assert slots.acquire()  # both released theirs


async def test_without_a_prompt_it_waits_and_reports_so() -> None:
    async with running_stage() as stage:
        await stage.put(config())
        await stage.clock.go(1.0)
        assert stage.state == "waiting"
        assert not stage.generator.requests
        await stage.put(prompt("a duck"))
        await stage.clock.go(1.5)
        assert stage.state == "drawing"


async def test_a_prompt_that_cannot_be_drawn_ends_the_video_and_the_status_says_why() -> None:
    async with running_stage() as stage:
        await stage.enable()
        await stage.clock.go(1.0)
        assert stage.state == "drawing"
        await stage.put(prompt("a cat"))
        await stage.clock.go(1.2)
        made = len(stage.generator.requests)
        assert stage.state == "refused"
        assert list(stage.reports[-1].notices) == ["no a cat here"]
        await stage.put(picture(3 * VIDEO_CLOCK_HZ))
        await stage.clock.go(2.0)
        assert len(stage.generator.requests) == made
        assert stage.shown[-1][1].pts == 3 * VIDEO_CLOCK_HZ  # the camera's again
        await stage.put(prompt("a duck"))
        await stage.clock.go(2.5)
        assert stage.state == "drawing"
        assert stage.reports[-1].notices == ("read a duck",)


async def test_an_unknown_sampler_is_reported_and_changes_nothing() -> None:
    async with running_stage() as stage:
        await stage.enable()
        await stage.put(config(sampler="stream-dit", seed=9))
        await stage.clock.go(1.0)
    assert [each for each in stage.sent if "no sampler 'stream-dit'" in str(each)]
    reds = [red for red, _, _ in colors_of(stage)]
    assert reds == list(range(len(reds)))


async def test_a_client_that_stops_reading_stops_generation_and_not_the_controls() -> None:
    async with running_stage() as stage:
        await stage.enable()
        await stage.clock.go(1.0)
        steps = len(stage.generator.requests)
        stage.reading.clear()
        for n in range(200):
            await stage.put(prompt("x" * (n + 2)), ClearTrack(None, 0.0))
            await stage.clock.go(1.0 + n / 50)
        assert len(stage.generator.requests) - steps <= 2 * 4 * 5  # replaced, never queued
        held = len(stage.shown)
        stage.reading.set()
        await stage.clock.go(6.0)
    assert colors_of(stage)[held + 2 * CHUNK][1] == 201  # replaced once in a chunk's time at most


async def test_frames_are_encoded_as_files_only_on_request() -> None:
    async with running_stage() as stage:
        await stage.enable()
        await stage.clock.go(1.0)
        assert not stage.files
        await stage.put(config(pictures=True))
        await stage.clock.go(2.0)
    assert stage.files[0].jpeg.startswith(b"\xff\xd8")
    numbers = [each.number for each in stage.files]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_the_status_is_sent_each_second_and_at_each_change_of_state() -> None:
    async with running_stage() as stage:
        await stage.enable()
        await stage.clock.go(10.0)
        await stage.put(config(enabled=False))
        await stage.clock.go(12.0)
    states = [each.state for each in stage.reports]
    assert states[0] == "drawing"
    assert states[-1] == "off"
    assert 10 <= len(states) <= 15
    assert stage.reports[-2].fps == pytest.approx(16, abs=1)
    assert isinstance(stage.shown[0][1], VideoFrame)


async def test_a_picture_of_the_users_makes_a_refused_prompt_drawable_until_it_goes() -> None:
    cat = LooksChange((OwnLook("cat", b""),), 0.0)
    async with running_stage() as stage:
        await stage.enable("a cat")
        await stage.clock.go(0.5)
        assert stage.state == "refused"
        await stage.put(cat)
        await stage.clock.go(1.0)
        assert stage.state == "drawing"
        assert stage.generator.requests[-1].looks == cat.looks
        assert list(stage.reports[-1].notices) == ["read a cat", "cat"]
        await stage.put(LooksChange((), 0.0))
        await stage.clock.go(1.5)
        assert stage.state == "refused"
        assert list(stage.reports[-1].notices) == ["no a cat here"]

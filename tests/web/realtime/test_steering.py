"""A client over WebRTC is told what to send, from its network, its pictures and its answers."""

from typing import Any

import numpy as np
import pytest

from media.clock import ReplayClock
from media.events.answers import Answer, Evidence
from media.events.generation import GenerationStatus
from media.events.vision import Relevance
from media.worker import Worker
from rtc.allocation.regions import Region
from rtc.network import NetworkState
from web.config import Settings
from web.realtime.steering import CallSteering, steering_rules

MAP = np.zeros((7, 7), np.float32)
MAP[0, 0] = 1.0
CLEAR = NetworkState(
    round_trip=0.05,
    loss=0.0,
    loss_out=0.0,
    jitter=0.0,
    bitrate_in=800_000.0,
    bitrate_out=0.0,
    frame_rate_in=15.0,
    frame_rate_out=0.0,
)
LOSSY = NetworkState(
    round_trip=0.2,
    loss=0.1,
    loss_out=0.0,
    jitter=0.0,
    bitrate_in=400_000.0,
    bitrate_out=0.0,
    frame_rate_in=15.0,
    frame_rate_out=0.0,
)


DRAWING = GenerationStatus(
    state="drawing",
    sampler="motion-stream",
    steps=1,
    rate=16.0,
    fps=16.0,
    queue=0,
    pictures=1,
    delay=None,
    degraded=False,
    notices=(),
)


class Steered:
    """A call's steering, the clock, and what its client is told."""

    def __init__(self, *, watched: bool = True) -> None:
        self.told: list[dict[str, Any]] = []
        self.favoured: tuple[Region, ...] = ()
        self.watched = watched
        self.clock = ReplayClock()
        self.worker = Worker("steering")
        rules = steering_rules(Settings(), publisher=False)
        self.steering = CallSteering(rules, self.clock, self.worker, self._report, self._favour)

    def _favour(self, regions: tuple[Region, ...]) -> None:
        self.favoured = regions

    async def _report(self, type: str, fields: dict[str, object]) -> None:
        assert type == "eyeline.steering"
        self.told.append(fields)

    async def second(self, network: NetworkState) -> None:
        await self.clock.sleep_until(self.clock.now() + 1)
        await self.steering.measured(network, watched=self.watched)


async def test_a_client_without_video_is_told_nothing() -> None:
    call = Steered()
    await call.second(CLEAR)
    await call.steering.note(Relevance(1.0, MAP, "cup", 0.9))
    assert call.told == []


async def test_a_client_is_told_once_and_again_when_something_changes() -> None:
    call = Steered()
    call.steering.size = (640, 360)
    for _ in range(3):
        await call.second(CLEAR)
    assert len(call.told) == 1
    assert call.told[0]["encoding"] == {
        "maxBitrate": 910_000,
        "maxFramerate": 15.0,
        "scaleResolutionDownBy": 1.0,
        "scalabilityMode": "L1T1",
    }
    await call.steering.note(Relevance(3.5, MAP, "cup", 0.9))
    first = call.told[-1]["regions"][0]
    assert first["offset"] == 0
    assert (first["left"], first["top"]) == (0.0, 0.0)
    assert first["right"] >= 1 / 7


async def test_loss_asks_for_more_frames_of_a_client_that_only_publishes() -> None:
    call = Steered(watched=False)
    call.steering.size = (640, 360)
    await call.second(CLEAR)
    assert call.told[-1]["encoding"]["maxFramerate"] == 2.0  # one for each analysis
    for _ in range(10):
        await call.second(LOSSY)
    assert call.told[-1]["encoding"]["maxFramerate"] >= 8
    for _ in range(30):
        await call.second(CLEAR)
    assert call.told[-1]["encoding"]["maxFramerate"] == 2.0


async def test_an_unsure_answer_gets_more_bits_and_a_question_starts_anew() -> None:
    call = Steered()
    call.steering.size = (640, 360)
    for _ in range(4):
        await call.second(CLEAR)
    await call.steering.note(Answer("q", "A cup.", 4.0, "completed", confidence=0.4))
    await call.second(CLEAR)
    assert call.told[-1]["encoding"]["maxBitrate"] == 1_710_000
    assert call.told[-1]["reason"] == "unsure"
    await call.steering.note(Evidence("r", ()))
    await call.second(CLEAR)
    assert call.told[-1]["reason"] == "unknown"


async def test_the_frame_rate_is_for_persons_while_one_watches() -> None:
    call = Steered(watched=False)
    call.steering.size = (640, 360)
    rates = []
    for watched in (False, True, False):
        call.watched = watched
        for _ in range(12):
            await call.second(CLEAR)
        rates.append(call.told[-1]["encoding"]["maxFramerate"])
    assert rates == [2.0, 15.0, 2.0]


async def test_what_is_sent_back_favours_the_regions_unless_it_is_generated() -> None:
    call = Steered()
    call.steering.size = (640, 360)
    await call.second(CLEAR)
    await call.steering.note(Relevance(1.0, MAP, "cup", 0.9))
    assert call.favoured[0].offset == 0
    await call.steering.note(DRAWING)
    await call.second(CLEAR)
    assert call.favoured == ()


@pytest.mark.parametrize(
    "settings", [Settings(frame_rate=10.0), Settings(returned_frame_rate=20.0)]
)
def test_the_settings_bound_the_rates(settings: Settings) -> None:
    frames = steering_rules(settings, publisher=False).watched.frames
    assert frames.lowest == settings.returned_frame_rate
    assert frames.highest == max(settings.frame_rate, frames.lowest)


def test_a_slow_analysis_needs_few_frames() -> None:
    settings = Settings(look_attentive=2.0, look_every=2.0, look_still=4.0)
    frames = steering_rules(settings, publisher=True).seen.frames
    assert (frames.lowest, frames.interval, frames.layered) == (0.5, 2.0, False)

"""Tells a client over WebRTC what to send: `eyeline.steering`, see `rtc.allocation.steering`.

The link is measured with the statistics of the call; pictures and answers say what is relevant in
the frame, and how sure the model is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from media.clock import Clock
from media.events.answers import Answer, Evidence
from media.events.generation import GenerationStatus
from media.events.session import Output
from media.events.vision import Relevance
from media.frames import VideoFrame
from media.worker import Worker
from rtc.allocation import steering
from rtc.allocation.frame_rate import FrameRateRule, LinkState
from rtc.allocation.qp_map import relevant_boxes
from rtc.allocation.regions import Region
from rtc.allocation.steering import Steering, SteeringRule
from rtc.network import NetworkState
from web.config import Settings

Report = Callable[[str, dict[str, object]], Awaitable[None]]
Favour = Callable[[tuple[Region, ...]], None]
NOT_GENERATED = ("off", "refused", "full")  # states of generation in which the camera is sent back
ROUND_TRIP = 0.2  # seconds, before the first is measured


@dataclass(frozen=True, slots=True)
class SteeringRules:
    """The rules for video that a person watches too, and for video that only the model sees."""

    watched: SteeringRule
    seen: SteeringRule


class CallSteering:
    """The steering of one client; `size` is the width and height of its newest frame.

    `rules` are for video that somebody watches, and for video that only the model sees. `favour`
    is called with the regions of what is sent back: none while it is generated.
    """

    def __init__(
        self, rules: SteeringRules, clock: Clock, worker: Worker, report: Report, favour: Favour
    ) -> None:
        self.size = (0, 0)
        self._rules = rules
        self._favour = favour
        self._generated = False
        self._clock = clock
        self._worker = worker
        self._report = report
        self._state = steering.init_state(rules.seen)
        self._sent: Steering | None = None
        self._lock = asyncio.Lock()  # one step at a time

    def see(self, frame: VideoFrame) -> None:
        """Note the size of a frame of the client."""
        self.size = (frame.pixels.shape[1], frame.pixels.shape[0])

    async def measured(self, network: NetworkState, *, watched: bool) -> None:
        """Steer by the network of the last second; `watched` is whether a person sees the video."""
        rule = self._rules.watched if watched else self._rules.seen
        trip = ROUND_TRIP if network.round_trip is None else network.round_trip
        link = LinkState(
            loss=network.loss, burst=network.burst, round_trip=trip, bitrate=network.bitrate_in
        )
        if self.size == (0, 0):
            return  # no video arrives
        async with self._lock:
            self._state = await self._worker.run(
                steering.step, self._state, self._clock.now(), rule, link=link, size=self.size
            )
            await self._send()

    async def note(self, output: Output) -> None:
        """Steer by what an output of the session says about pictures and answers."""
        now = self._clock.now()
        match output:
            case Relevance():
                async with self._lock:
                    boxes = relevant_boxes(output.values)
                    self._state = steering.look(self._state, now, boxes, output.confidence)
                    await self._send()
            case Evidence():  # of an answer that begins
                async with self._lock:
                    self._state = steering.ask(self._state, now)
            case Answer(status="completed", confidence=float(confidence)):
                async with self._lock:
                    self._state = steering.answered(self._state, now, confidence)
            case GenerationStatus():
                self._generated = output.state not in NOT_GENERATED
            case _:
                pass  # it says nothing about bits

    async def _send(self) -> None:
        """Send what the client is asked to do, if that changed."""
        wanted = await self._worker.run(steering.steering, self._state)
        self._favour(() if self._generated else wanted.regions)
        if wanted != self._sent and self.size != (0, 0):
            self._sent = wanted
            await self._report("eyeline.steering", steering_fields(wanted))


def steering_rules(settings: Settings, *, publisher: bool) -> SteeringRules:
    """Return the rules for a client."""
    interval = settings.look_attentive
    needed = 1 / interval

    def rule(lowest: float) -> SteeringRule:
        frames = FrameRateRule(
            interval=interval,
            target=settings.usable_frames,
            lowest=lowest,
            highest=max(lowest, settings.frame_rate),
            layered=not publisher,
        )
        return SteeringRule(frames=frames, highest_bitrate=settings.client_bitrate)

    return SteeringRules(rule(max(needed, settings.returned_frame_rate)), rule(needed))


def steering_fields(wanted: Steering) -> dict[str, object]:
    """Return the fields of `eyeline.steering`; `encoding` has the names of RTCRtpSender."""
    sure = wanted.confidence
    return {
        "encoding": {
            "maxBitrate": wanted.bitrate,
            "maxFramerate": round(wanted.frame_rate, 3),
            "scaleResolutionDownBy": wanted.scale,
            "scalabilityMode": f"L1T{wanted.layers}",
        },
        "regions": [
            {
                "left": round(region.box.left, 4),
                "top": round(region.box.top, 4),
                "right": round(region.box.right, 4),
                "bottom": round(region.box.bottom, 4),
                "offset": region.offset,
            }
            for region in wanted.regions
        ],
        "focus": wanted.focus,
        "reason": wanted.reason,
        "confidence": None if sure is None else round(sure, 2),
        "message": steering_message(wanted),
    }


def steering_message(wanted: Steering) -> str:
    """Return the reason for the cap of the bitrate, for the user."""
    sure = "" if wanted.confidence is None else f" ({100 * wanted.confidence:.0f} %)"
    return {
        "network": "the network allows no more",
        "unknown": "no answer yet",
        "sure": f"the model is sure{sure}",
        "unsure": f"more bits may make the model surer{sure}",
        "saturated": f"more bits did not make the model surer{sure}",
    }[wanted.reason]

"""Where things are in each picture, from what a hand draws or plans: without a clock.

Time is counted in pictures drawn, so the same points give the same places however fast the
machine is.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from media.generation_events import TrackPoints
from models.generation.chunk_request import MAX_THINGS

Place = tuple[float, float]


@dataclass(slots=True)
class ThingMotion:
    """Where one thing goes: along a path whose times count from picture `origin`, or by hand.

    `fresh` are places of a hand that were not gone through yet, `place` where the thing is.
    """

    place: Place | None = None
    fresh: list[Place] = field(default_factory=list)
    path: list[tuple[float, Place]] = field(default_factory=list)
    origin: int | None = None


class MotionTracks:
    """The ways of all things, at `rate` pictures a second; `most` points of each may wait."""

    def __init__(self, rate: float, most: int) -> None:
        self._rate = rate
        self._most = most
        self._picture = 0  # the next to be drawn
        self._ways: dict[int, ThingMotion] = {}

    def append(self, track: TrackPoints) -> None:
        """Go on along `track`; where more points wait than may, the oldest are forgotten."""
        way = self._ways.setdefault(track.thing, ThingMotion())
        if track.times is None:
            way.path, way.origin = [], None
            way.fresh = [*way.fresh, *track.points][-self._most :]
            return
        if way.origin is None:
            way.origin, way.fresh = self._picture, []
        way.path = [*way.path, *zip(track.times, track.points, strict=True)][-self._most :]

    def clear(self, thing: int | None = None) -> None:
        """Forget the way of `thing`, or of all."""
        if thing is None:
            self._ways.clear()
        else:
            self._ways.pop(thing, None)

    def chunk(self, pictures: int) -> NDArray[np.float32] | None:
        """Return the places in the next pictures: float32 (things, pictures, 2), NaN for none.

        None where no thing has a way. Those pictures are then over.
        """
        first, self._picture = self._picture, self._picture + pictures
        if not self._ways:
            return None
        places = np.full((MAX_THINGS, pictures, 2), np.nan, np.float32)
        for thing, way in self._ways.items():
            places[thing] = self._along(way, first, pictures)
            x, y = places[thing, -1]
            way.place = (float(x), float(y))
        return places

    def _along(self, way: ThingMotion, first: int, pictures: int) -> NDArray[np.float64]:
        if way.origin is None:
            return _by_hand(way, pictures)
        times = (np.arange(first, first + pictures) - way.origin) / self._rate
        when = [time for time, _ in way.path]
        where = np.array([place for _, place in way.path])
        over = sum(time <= times[-1] for time in when) - 1
        way.path = way.path[max(0, over) :]
        return np.stack([np.interp(times, when, where[:, axis]) for axis in (0, 1)], 1)


def _by_hand(way: ThingMotion, pictures: int) -> NDArray[np.float64]:
    """Return places evenly along all that the hand went since the last chunk."""
    begun = [] if way.place is None else [way.place]
    line = np.array([*begun, *way.fresh])
    way.fresh = []
    share = np.arange(1, pictures + 1) / pictures * (len(line) - 1)
    return np.stack([np.interp(share, np.arange(len(line)), line[:, axis]) for axis in (0, 1)], 1)

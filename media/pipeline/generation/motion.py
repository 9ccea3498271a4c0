"""Positions of things in each generated frame, from tracks. Uses no clock.

Time is counted in generated frames, so the same points give the same positions on any machine.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from media.events.generation import TrackPoints
from models.generation.chunk_request import MAX_THINGS

Point = tuple[float, float]


@dataclass(slots=True)
class ThingMotion:
    """The motion of one thing: a path with times from frame `origin`, or live points.

    `pending` are live points that no chunk followed yet; `position` is where the thing is.
    """

    position: Point | None = None
    pending: list[Point] = field(default_factory=list)
    path: list[tuple[float, Point]] = field(default_factory=list)
    origin: int | None = None


class MotionTracks:
    """The tracks of all things, at `rate` frames a second; `max_points` of each may wait."""

    def __init__(self, rate: float, max_points: int) -> None:
        self._rate = rate
        self._max_points = max_points
        self._frame = 0  # the next to be generated
        self._motions: dict[int, ThingMotion] = {}

    def append(self, track: TrackPoints) -> None:
        """Append `track`; the oldest of too many points are discarded."""
        motion = self._motions.setdefault(track.thing, ThingMotion())
        if track.times is None:
            motion.path, motion.origin = [], None
            motion.pending = [*motion.pending, *track.points][-self._max_points :]
            return
        if motion.origin is None:
            motion.origin, motion.pending = self._frame, []
        timed = zip(track.times, track.points, strict=True)
        motion.path = [*motion.path, *timed][-self._max_points :]

    def clear(self, thing: int | None = None) -> None:
        """Discard the track of `thing`, or all tracks if None."""
        if thing is None:
            self._motions.clear()
        else:
            self._motions.pop(thing, None)

    def chunk(self, frames: int) -> NDArray[np.float32] | None:
        """Return the positions in the next frames: float32 (things, frames, 2), NaN for none.

        None if there is no track. Advances by `frames`.
        """
        first, self._frame = self._frame, self._frame + frames
        if not self._motions:
            return None
        positions = np.full((MAX_THINGS, frames, 2), np.nan, np.float32)
        for thing, motion in self._motions.items():
            positions[thing] = self._along(motion, first, frames)
            x, y = positions[thing, -1]
            motion.position = (float(x), float(y))
        return positions

    def _along(self, motion: ThingMotion, first: int, frames: int) -> NDArray[np.float64]:
        if motion.origin is None:
            return _live_positions(motion, frames)
        times = (np.arange(first, first + frames) - motion.origin) / self._rate
        path_times = [time for time, _ in motion.path]
        points = np.array([point for _, point in motion.path])
        passed = sum(time <= times[-1] for time in path_times) - 1
        motion.path = motion.path[max(0, passed) :]
        return np.stack([np.interp(times, path_times, points[:, axis]) for axis in (0, 1)], 1)


def _live_positions(motion: ThingMotion, frames: int) -> NDArray[np.float64]:
    """Return positions evenly along all live points since the last chunk."""
    start = [] if motion.position is None else [motion.position]
    points = np.array([*start, *motion.pending])
    motion.pending = []
    share = np.arange(1, frames + 1) / frames * (len(points) - 1)
    index = np.arange(len(points))
    return np.stack([np.interp(share, index, points[:, axis]) for axis in (0, 1)], 1)

"""Positions of things from requested tracks and a motion plan, without jumps between them.

A thing follows its track, if it has one. When the track ends, or the plan changes, it moves to the
planned path within `TRANSITION` seconds: the model was trained on paths without jumps.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.generation.chunk_request import FRAME_RATE, MAX_THINGS
from models.generation.small.planner import MotionPlan

TRANSITION = 0.75  # seconds
TRANSITION_FRAMES = round(TRANSITION * FRAME_RATE)  # frames


@dataclass(frozen=True, slots=True, eq=False)
class MotionState:
    """The positions of things in the last frame, and where each left for the planned path.

    `last` and `origin` are float32 (MAX_THINGS, 2), NaN for none; `since` counts the frames since a
    thing was at its origin, int (MAX_THINGS,). Things without a track follow `plan`.
    """

    plan: MotionPlan | None = None
    frames: int = 0
    last: Tensor | None = None
    origin: Tensor | None = None
    since: Tensor | None = None


def blend_tracks(
    state: MotionState, plan: MotionPlan | None, track: Tensor
) -> tuple[MotionState, Tensor]:
    """Return the new state, and the positions of things: float32 (MAX_THINGS, frames, 2).

    `track` has the same shape, NaN for things without a track. Without a plan their positions are
    NaN.
    """
    count = track.shape[1]
    nowhere = torch.full((MAX_THINGS, 2), torch.nan)
    last = nowhere if state.last is None else state.last
    origin = nowhere if state.origin is None else state.origin
    since = torch.full((MAX_THINGS,), TRANSITION_FRAMES) if state.since is None else state.since
    tracked = track.isfinite().all(2).all(1)
    if plan != state.plan:
        origin, since = last, torch.zeros(MAX_THINGS, dtype=torch.int64)
    origin = torch.where(tracked[:, None], track[:, -1], origin)
    since = torch.where(tracked, 0, since)
    planned = _planned(plan, state.frames, count)
    share = ((since[:, None] + torch.arange(1, count + 1)) / TRANSITION_FRAMES).clamp(max=1)[
        ..., None
    ]
    over = torch.lerp(origin[:, None].expand_as(planned), planned, share)
    free = torch.where(origin[:, None].isfinite().expand_as(planned), over, planned)
    places = torch.where(tracked[:, None, None], track, free)
    since = torch.where(tracked, since, since + count)
    return MotionState(plan, state.frames + count, places[:, -1], origin, since), places


def _planned(plan: MotionPlan | None, first: int, count: int) -> Tensor:
    """Return the planned positions, float32 (MAX_THINGS, count, 2), NaN for things without."""
    places = torch.full((MAX_THINGS, count, 2), torch.nan)
    if plan is not None:
        track = plan.track(first, count)
        places[: len(track)] = track
    return places

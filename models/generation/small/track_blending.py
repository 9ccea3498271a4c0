"""Where things are, from a drawn track and a planned one: over from one to the other, no jumps.

A thing follows the drawn track where there is one. Where that ends, or the plan changes, it goes
over to the planned path in `EASE` seconds: the model was trained on paths without jumps.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.generation.control import THINGS
from models.generation.small.planner import RATE, Plan

EASE = 0.75  # seconds
OVER = round(EASE * RATE)  # pictures


@dataclass(frozen=True, slots=True, eq=False)
class Moving:
    """Where things were in the last picture, and what each was on its way from.

    `last` and `left` are float32 (THINGS, 2), NaN for nowhere; `since` counts the pictures since a
    thing left there, int (THINGS,). `plan` is what they follow where nobody drew a track.
    """

    plan: Plan | None = None
    pictures: int = 0
    last: Tensor | None = None
    left: Tensor | None = None
    since: Tensor | None = None


def onwards(moving: Moving, plan: Plan | None, drawn: Tensor) -> tuple[Moving, Tensor]:
    """Return how things move on, and where they are: float32 (THINGS, pictures, 2).

    `drawn` is of the same shape, NaN for things that no track leads. Without a plan those are
    nowhere.
    """
    count = drawn.shape[1]
    nowhere = torch.full((THINGS, 2), torch.nan)
    last = nowhere if moving.last is None else moving.last
    left = nowhere if moving.left is None else moving.left
    since = torch.full((THINGS,), OVER) if moving.since is None else moving.since
    led = drawn.isfinite().all(2).all(1)
    if plan != moving.plan:
        left, since = last, torch.zeros(THINGS, dtype=torch.int64)
    left = torch.where(led[:, None], drawn[:, -1], left)
    since = torch.where(led, 0, since)
    planned = _planned(plan, moving.pictures, count)
    share = ((since[:, None] + torch.arange(1, count + 1)) / OVER).clamp(max=1)[..., None]
    over = torch.lerp(left[:, None].expand_as(planned), planned, share)
    free = torch.where(left[:, None].isfinite().expand_as(planned), over, planned)
    places = torch.where(led[:, None, None], drawn, free)
    since = torch.where(led, since, since + count)
    return Moving(plan, moving.pictures + count, places[:, -1], left, since), places


def _planned(plan: Plan | None, first: int, count: int) -> Tensor:
    """Return where the plan has things: float32 (THINGS, count, 2), NaN for things without."""
    places = torch.full((THINGS, count, 2), torch.nan)
    if plan is not None:
        track = plan.track(first, count)
        places[: len(track)] = track
    return places

"""What a session asks of a video generator for each chunk, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.generation.own_look import OwnLooks

Pixels = NDArray[np.uint8]  # (height, width, 3), RGB
MAX_THINGS = 2  # that can have a track
FRAME_RATE = 16  # frames a second that the models were trained on

WeightedPrompts = tuple[tuple[str, float], ...]  # texts of a prompt, with their weights


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRange:
    """The steps of a sampler: by default, at least, and at most.

    `adjustable`: the number may change from chunk to chunk without a seam.
    """

    default: int
    minimum: int
    maximum: int
    adjustable: bool = True

    def clamp(self, requested: int | None) -> int:
        """Return the allowed number of steps nearest to `requested`, the default for None."""
        return (
            self.default if requested is None else min(max(requested, self.minimum), self.maximum)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChunkRequest:
    """What one chunk of frames should show.

    `track` is float32 (things, frames, 2): x and y in [0, 1], NaN without a track. `start` are as
    many frames, of any size, to start from: noise is added up to `strength` in [0, 1], where 1
    leaves nothing of them. `looks` are pictures of the user's own that the prompt may name.
    """

    prompt: WeightedPrompts
    steps: int
    track: NDArray[np.float32] | None = None
    start: Sequence[Pixels] | None = None
    strength: float = 1.0
    looks: OwnLooks = ()

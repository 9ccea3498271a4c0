"""Which way a thing looks: where it moves, so that nothing slides backwards."""

import numpy as np
from numpy.typing import NDArray

LEFT, RIGHT = 0, 1
MOVED = 0.01  # of the frame's width within a latent: less is rest


def facing(track: NDArray[np.float32], previous: int) -> int:
    """Return LEFT or RIGHT for the frames of a latent; `previous` if the thing does not move.

    `track` is float32 (frames, 2), x and y in [0, 1], NaN without a track.
    """
    way = float(track[-1, 0] - track[0, 0])
    if way > MOVED:
        return RIGHT
    return LEFT if way < -MOVED else previous

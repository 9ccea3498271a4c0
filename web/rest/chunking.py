"""Which parts of a long sound are heard, and where it is cut: pure."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from media.frames import SAMPLE_RATE
from media.pipeline.hearing.turn_stage import VAD_FRAME

Samples = NDArray[np.float32]

PIECE = 120 * SAMPLE_RATE  # samples heard at once
SEARCHED = 10 * SAMPLE_RATE  # samples before the end of a piece in which it is cut: at the quietest
QUIET = SAMPLE_RATE // 10  # samples whose loudness counts as that of a place
SPEECH = 0.2  # probability of speech from which a frame is heard: singing gets little
MARGIN = SAMPLE_RATE  # samples around speech that are heard with it
PAUSE = 4 * SAMPLE_RATE  # samples between two stretches that are heard as one


def cut(
    chunks: Iterator[Samples], *, piece: int = PIECE, searched: int = SEARCHED
) -> Iterator[Samples]:
    """Yield all of `chunks` as pieces of at most `piece` samples, cut where it is quiet."""
    held: list[Samples] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        while size >= piece:
            whole = np.concatenate(held)
            place = piece - searched + quietest(whole[piece - searched : piece])
            yield whole[:place]
            held, size = [whole[place:]], size - place
    if size:
        yield np.concatenate(held)


def quietest(samples: Samples) -> int:
    """Return the middle of the quietest tenth of a second of `samples`; its end if shorter."""
    if len(samples) <= QUIET:
        return len(samples)
    energy = np.cumsum(np.square(samples, dtype=np.float64))
    return int(np.argmin(energy[QUIET:] - energy[:-QUIET])) + QUIET // 2


def spoken(probabilities: Sequence[float], length: int) -> list[tuple[int, int]]:
    """Return where somebody speaks in `length` samples, from the detector's probabilities.

    A recogniser invents words for long silence, and short pauses help it: so stretches are
    padded, and joined where little lies between them.
    """
    found: list[tuple[int, int]] = []
    for number, probability in enumerate(probabilities):
        if probability < SPEECH:
            continue
        start = max(0, number * VAD_FRAME - MARGIN)
        end = min(length, (number + 1) * VAD_FRAME + MARGIN)
        if found and start - found[-1][1] <= PAUSE:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found

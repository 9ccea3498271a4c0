"""Speech regions of a long recording, and where it is split: pure."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from media.frames import SAMPLE_RATE
from media.pipeline.hearing.turn_stage import VAD_FRAME

Samples = NDArray[np.float32]

MAX_PIECE = 120 * SAMPLE_RATE  # samples transcribed at once
SEARCH = (
    10 * SAMPLE_RATE
)  # samples before the end of a piece that are searched for the quietest place
WINDOW = SAMPLE_RATE // 10  # samples over which loudness is measured
SPEECH_THRESHOLD = 0.2  # probability above which a frame is transcribed: singing gets little
MARGIN = SAMPLE_RATE  # samples around speech that are transcribed with it
MAX_GAP = 4 * SAMPLE_RATE  # samples between two regions that are joined


def split_audio(
    chunks: Iterator[Samples], *, max_piece: int = MAX_PIECE, search: int = SEARCH
) -> Iterator[Samples]:
    """Yield all of `chunks` as pieces of at most `max_piece` samples, split at quiet places."""
    buffered: list[Samples] = []
    size = 0
    for chunk in chunks:
        buffered.append(chunk)
        size += len(chunk)
        while size >= max_piece:
            samples = np.concatenate(buffered)
            cut = max_piece - search + quietest_sample(samples[max_piece - search : max_piece])
            yield samples[:cut]
            buffered, size = [samples[cut:]], size - cut
    if size:
        yield np.concatenate(buffered)


def quietest_sample(samples: Samples) -> int:
    """Return the middle of the quietest window of `samples`; their end if they are shorter."""
    if len(samples) <= WINDOW:
        return len(samples)
    energy = np.cumsum(np.square(samples, dtype=np.float64))
    return int(np.argmin(energy[WINDOW:] - energy[:-WINDOW])) + WINDOW // 2


def speech_regions(probabilities: Sequence[float], length: int) -> list[tuple[int, int]]:
    """Return the regions of `length` samples with speech, from the probability of each frame.

    Whisper invents words in long silence, and short pauses help it: regions get a margin, and are
    joined if the gap between them is short.
    """
    regions: list[tuple[int, int]] = []
    for number, probability in enumerate(probabilities):
        if probability < SPEECH_THRESHOLD:
            continue
        start = max(0, number * VAD_FRAME - MARGIN)
        end = min(length, (number + 1) * VAD_FRAME + MARGIN)
        if regions and start - regions[-1][1] <= MAX_GAP:
            regions[-1] = (regions[-1][0], end)
        else:
            regions.append((start, end))
    return regions

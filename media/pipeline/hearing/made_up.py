"""Which sound did not arrive and was made up, and what the detector heard without it: pure.

Concealed sound continues the sound before it: after the start of a word it sounds like speech that
nobody has said. So it starts no turn, and no word is kept that has no other speech near it. A few
milliseconds are too short for that, and at a high loss they are everywhere: they count as heard.
"""

from collections.abc import Sequence

from media.frames import SAMPLE_RATE, Gap
from models.asr.speech_activity import FRAME, Region

MIN_LENGTH = SAMPLE_RATE * 60 // 1000  # samples, 60 ms: two frames of the detector, as an onset has
MAX_REGIONS = 64  # kept of a stream: the newest


def with_gap(regions: tuple[Region, ...], gap: Gap) -> tuple[Region, ...]:
    """Return the regions of made-up sound, in samples of the stream, with those of `gap`."""
    if not gap.concealed:
        return regions
    start, end = round(gap.start * SAMPLE_RATE), round(gap.end * SAMPLE_RATE)
    if regions and start <= regions[-1][1]:
        return (*regions[:-1], (regions[-1][0], max(end, regions[-1][1])))
    return (*regions, (start, end))[-MAX_REGIONS:]


def without_made_up(
    probabilities: Sequence[float], start: int, regions: Sequence[Region]
) -> list[float]:
    """Return `probabilities` with 0 for each frame that has some of a longer region.

    `start` is the position of the first frame.
    """
    heard = list(probabilities)
    longer = [region for region in regions if region[1] - region[0] >= MIN_LENGTH]
    for number in range(len(heard) if longer else 0):
        first = start + number * FRAME
        if any(begin < first + FRAME and first < end for begin, end in longer):
            heard[number] = 0.0
    return heard

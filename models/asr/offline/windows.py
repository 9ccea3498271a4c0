"""Windows of a long recording, for a recognizer that takes 30 s at once: pure.

A window holds speech and the silence beside it; longer silence is left out. It ends in the
longest pause of its second half. Speech without a pause is cut anywhere, and the recognizer finds
a place between two words.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

from models.asr.speech_activity import Region, clipped, total, widened
from models.asr.words import RATE

MAX_WINDOW = 28 * RATE  # samples: what an encoder takes, less silence that must follow
MARGIN = RATE // 2  # samples of silence that are kept beside speech
MIN_CUT_PAUSE = RATE // 5  # samples: a shorter pause may be within a word


@dataclass(frozen=True)
class Window:
    """`spans` of a recording, and the `speech` in them, both in samples of the recording.

    With `broken` the last span ends in the middle of speech.
    """

    spans: tuple[Region, ...]
    speech: tuple[Region, ...]
    broken: bool = False

    @property
    def end(self) -> int:
        """The end of the last span."""
        return self.spans[-1][1]

    @cached_property
    def _offsets(self) -> list[int]:
        """Where each span begins in the window's own samples, and the window's length."""
        return [0, *accumulate(last - first for first, last in self.spans)]

    @property
    def length(self) -> int:
        return self._offsets[-1]

    def in_window(self, position: int) -> int:
        """Return the place of sample `position` of the recording in the window's own samples."""
        index = max(0, bisect_right(self.spans, (position, position)) - 1)
        first, last = self.spans[index]
        return self._offsets[index] + min(max(position, first), last) - first

    def in_recording(self, place: int, *, end: bool = False) -> int:
        """Return the sample of the recording at `place`; at a join the earlier one if `end`."""
        index = bisect_right(self._offsets, place - end) - 1
        index = min(max(0, index), len(self.spans) - 1)
        first, last = self.spans[index]
        return min(last, first + place - self._offsets[index])


def next_window(speech: Sequence[Region], start: int, end: int, *, max_window: int) -> Window:
    """Return the window that begins with the first speech after `start`.

    `speech` of the recording is known up to `end`; there is some after `start`.
    """
    ahead = clipped(speech, start, end)
    fitting = 0
    while fitting < len(ahead) and total(_until(ahead, fitting + 1, start)) <= max_window:
        fitting += 1
    if fitting == len(ahead):
        return _window(ahead, _spans(ahead, start, end), max_window)
    if count := _longest_pause(ahead[: fitting + 1], start, max_window):
        middle = (ahead[count - 1][1] + ahead[count][0]) // 2
        return _window(ahead, _spans(ahead[:count], start, middle), max_window)
    return _window(ahead, _spans(ahead[: fitting + 1], start, end), max_window)


def _window(speech: Sequence[Region], spans: Sequence[Region], max_window: int) -> Window:
    """Return the first `max_window` samples of `spans` as a window."""
    kept: list[Region] = []
    for first, last in spans:
        room = max_window - total(kept)
        if room > 0:
            kept.append((first, min(last, first + room)))
    held = tuple(part for span in kept for part in clipped(speech, *span))
    broken = any(first < kept[-1][1] < last for first, last in speech)
    return Window(tuple(kept), held, broken)


def _until(speech: Sequence[Region], count: int, start: int) -> list[Region]:
    """Return the spans of the first `count` regions, up to the end of the last one."""
    return _spans(speech[:count], start, speech[count - 1][1])


def _spans(speech: Sequence[Region], start: int, end: int) -> list[Region]:
    return clipped(widened(speech, MARGIN, end), start, end)


def _longest_pause(speech: Sequence[Region], start: int, max_window: int) -> int:
    """Return how many regions come before the best pause to cut in, or 0 if there is none.

    That is the longest one of the second half, if it has any.
    """
    pauses = []
    for count, (before, after) in enumerate(pairwise(speech), 1):
        length = after[0] - before[1]
        late = total(_until(speech, count, start)) >= max_window // 2
        if length >= MIN_CUT_PAUSE:
            pauses.append((late, length, count))
    return max(pauses, default=(False, 0, 0))[2]

"""Delays of a session, as histograms: what each part of a turn takes."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, fields

BOUNDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)  # seconds


@dataclass(slots=True, eq=False)
class Histogram:
    """How many values were at most each of `BOUNDS`, or more than all; and their sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    sum: float = 0.0

    def observe(self, seconds: float) -> None:
        """Count one value."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds

    def add(self, other: "Histogram") -> None:
        """Count the values of `other` as well."""
        self.counts = [own + more for own, more in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum


@dataclass(slots=True, eq=False)
class Delays:
    """What users wait for, in seconds of the session's clock.

    `interim_caption` and `final_caption` are the times from the arrival of the audio of a caption's
    last word until the caption is sent. From the arrival of a question, which for a spoken one is
    its final caption, `answer_start` is the time until the model is given it, `first_text` until
    the first word of the answer, and `first_sound` until its first sound. `control_to_picture` is
    the time from a prompt or track point to the first frame generated with it.
    """

    interim_caption: Histogram = field(default_factory=Histogram)
    final_caption: Histogram = field(default_factory=Histogram)
    answer_start: Histogram = field(default_factory=Histogram)
    first_text: Histogram = field(default_factory=Histogram)
    first_sound: Histogram = field(default_factory=Histogram)
    control_to_picture: Histogram = field(default_factory=Histogram)

    def items(self) -> Iterator[tuple[str, Histogram]]:
        """Yield each histogram with its name."""
        return ((each.name, getattr(self, each.name)) for each in fields(self))

    def add(self, other: "Delays") -> None:
        """Count the values of `other` as well."""
        for (_, own), (_, more) in zip(self.items(), other.items(), strict=True):
            own.add(more)

"""What a session counts about itself, for whoever watches it."""

from collections import deque
from dataclasses import asdict, dataclass, field

MAX_ARRIVALS = 512  # arrivals remembered: 10 s of sound in chunks of 20 ms


@dataclass(slots=True)
class Counters:
    """Numbers of one session since it began; `caption_lag` is in seconds, None before a caption.

    The lag of a caption is the time from the arrival of the sound of its last word to the
    moment the caption is sent, whatever clock the sender's sound keeps. `looks` of the frames
    were looked at, and `remembered` moments came of them. `dropped_frames` were not shown again
    because drawing was behind; that few of them are looked at is no loss. `drawn` pictures were
    made by a model, and `draw_delay` is in seconds from the last control to one that follows it.
    """

    frames_in: int = 0
    frames_out: int = 0
    audio_seconds: float = 0.0
    dropped_frames: int = 0
    dropped_audio: int = 0
    turns: int = 0
    looks: int = 0
    remembered: int = 0
    caption_lag: float | None = None
    drawn: int = 0
    draw_delay: float | None = None
    _arrivals: deque[tuple[float, float]] = field(
        default_factory=lambda: deque(maxlen=MAX_ARRIVALS)
    )

    def audio_arrived(self, until: float, now: float) -> None:
        """Note that sound up to media time `until` arrived at `now`."""
        self._arrivals.append((until, now))

    def caption_sent(self, until: float, now: float) -> None:
        """Note that at `now` a caption was sent whose last word ends at media time `until`."""
        for end, arrived in self._arrivals:
            if end >= until:
                self.caption_lag = max(0.0, now - arrived)
                return

    def snapshot(self) -> dict[str, float | int | None]:
        """Return the counts by name."""
        counts = asdict(self)
        del counts["_arrivals"]
        return counts

"""Counters of a session, for monitoring."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, fields

from media.delays import Delays
from media.frames import AudioChunk

LATEST = ("caption_lag", "draw_delay")  # not counts: of the last caption or frame
MAX_ARRIVALS = 512  # 10 s of audio in chunks of 20 ms


@dataclass(slots=True)
class Counters:
    """Counts since the start of a session; lags and delays are in seconds, None if not yet known.

    `caption_lag` is the time from the arrival of the audio of a caption's last word until the
    caption is sent. `looks` counts analyzed frames, and `remembered` the moments stored from them.
    `dropped_frames` were not returned to the client because the overlay was behind; frames that
    are only skipped by the analysis do not count. `drawn` counts generated frames, and
    `draw_delay` is the time from the last control to the first frame generated with it.
    `skipped_looks` are frames that were due but could not be analyzed in time, and
    `skipped_captions` interim captions: the machine was too slow for them.
    `dropped_audio` counts chunks, and `unheard` their seconds: speech in them has no caption.
    `concealed` are seconds of sound that did not arrive and were made up, `missing` those that
    were not. `substitutes` counts frames that were repeated for one that was late; they are not
    among `frames_in`. `backchannels` counts brief agreement that did not interrupt an answer.
    `filter_failures` counts frames that are not shown because the user's filter failed.
    """

    frames_in: int = 0
    substitutes: int = 0
    frames_out: int = 0
    audio_seconds: float = 0.0
    dropped_frames: int = 0
    filter_failures: int = 0
    dropped_audio: int = 0
    unheard: float = 0.0
    concealed: float = 0.0
    missing: float = 0.0
    turns: int = 0
    backchannels: int = 0
    looks: int = 0
    remembered: int = 0
    skipped_looks: int = 0
    skipped_captions: int = 0
    caption_lag: float | None = None
    drawn: int = 0
    draw_delay: float | None = None
    _delays: Delays = field(default_factory=Delays)
    _caption_delay: Callable[[], float] = lambda: 0.0
    _look_delay: Callable[[], float] = lambda: 0.0
    _arrivals: deque[tuple[float, float]] = field(
        default_factory=lambda: deque(maxlen=MAX_ARRIVALS)
    )

    @property
    def delays(self) -> Delays:
        """What its user waited for, all through the session."""
        return self._delays

    @property
    def caption_delay(self) -> float:
        """How long the oldest audio that is not transcribed has waited, in seconds."""
        return self._caption_delay()

    @property
    def look_delay(self) -> float:
        """How long the oldest frame that is not looked at has waited, in seconds."""
        return self._look_delay()

    def measure_delays(self, captions: Callable[[], float], looks: Callable[[], float]) -> None:
        """Ask these for the delays, while the session runs."""
        self._caption_delay, self._look_delay = captions, looks

    def audio_dropped(self, item: object) -> None:
        """Note that `item`, if it is audio, is not heard."""
        if isinstance(item, AudioChunk):
            self.dropped_audio += 1
            self.unheard += len(item.samples) / item.rate

    def audio_lost(self, seconds: float, *, concealed: bool) -> None:
        """Note that `seconds` of sound did not arrive."""
        if concealed:
            self.concealed += seconds
        else:
            self.missing += seconds

    def audio_arrived(self, until: float, now: float) -> None:
        """Note that audio up to media time `until` arrived at `now`."""
        self._arrivals.append((until, now))

    def caption_sent(self, until: float, now: float, *, final: bool) -> None:
        """Note that at `now` a caption was sent whose last word ends at media time `until`."""
        for end, arrived in self._arrivals:
            if end >= until:
                self.caption_lag = max(0.0, now - arrived)
                delays = self._delays
                lags = delays.final_caption if final else delays.interim_caption
                lags.observe(self.caption_lag)
                return

    def frame_followed(self, control_time: float, now: float) -> float:
        """Note that a control of `control_time` is first seen at `now`; return its delay."""
        self.draw_delay = max(0.0, now - control_time)
        self._delays.control_to_picture.observe(self.draw_delay)
        return self.draw_delay

    def add(self, other: "Counters") -> None:
        """Count what `other` counted as well; lags and delays of one caption or frame stay."""
        for name, value in other.snapshot().items():
            if name not in LATEST and value is not None:
                setattr(self, name, getattr(self, name) + value)
        self._delays.add(other.delays)

    def snapshot(self) -> dict[str, float | int | None]:
        """Return the counts by name."""
        names = [each.name for each in fields(self) if not each.name.startswith("_")]
        return {name: getattr(self, name) for name in names}

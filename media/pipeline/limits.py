"""How much a session may hold, and when it hurries."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Seconds between looks: `usual`, `attentive`, and `still` where the picture stays the same.

    A picture stays the same while the mean difference of its values is below `change`, of 255.
    """

    interval: float = 0.5
    attentive_interval: float = (
        0.5  # no more on two cores, or what is shown and written falls behind
    )
    still_interval: float = 2.0
    threshold: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameOutput:
    """How drawn pictures are shown: `rate` a second, their shorter side at least `side` pixels.

    `points` of each thing's track may wait.
    """

    rate: float = 16.0
    min_side: int = 320
    max_points: int = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Capacities of the channels in items, and times in seconds.

    With `lossless` nothing is dropped and the source waits instead. Where a session is to be
    `repeatable`, nothing depends on how fast models are: every question is answered whole, one
    thing after the other, and no picture is looked at because somebody happens to speak.
    """

    vision: int = 8
    audio: int = 500
    turns: int = 1500
    answers: int = 64
    lossless: bool = False
    repeatable: bool = False
    max_lag: float | None = 1.5  # seconds of sound behind at which partial captions are skipped
    max_turn: float = 30.0  # after this, a brief silence ends a turn
    max_gap: float = 1.0  # a longer hole in the sound ends the turn
    sampling: Sampling = field(default_factory=Sampling)
    frame_output: FrameOutput = field(default_factory=FrameOutput)

    @classmethod
    def replay(cls) -> "Limits":
        """Return limits under which the result does not depend on the machine's speed."""
        return cls(lossless=True, repeatable=True, max_lag=None)

"""Capacities and times of one session."""

from dataclasses import dataclass, field

from models.generation.chunk_request import FRAME_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Seconds between two analyzed frames: while the video changes, with attention, or still.

    It is still while the mean difference of its values is below `threshold`, of 255. After a frame
    with a person, the body alone is looked at again `glance_delay` later, if that is not 0.
    """

    interval: float = 0.5
    attentive_interval: float = 0.5  # less falls behind on two cores
    still_interval: float = 2.0
    glance_delay: float = 0.2
    threshold: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameOutput:
    """Generated frames: `rate` a second, their shorter side at least `min_side` pixels.

    At most `max_points` points of each track wait.
    """

    rate: float = float(FRAME_RATE)
    min_side: int = 288
    max_points: int = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Capacities of the channels in items, and times in seconds.

    With `lossless` nothing is dropped and the source waits instead. With `repeatable` the result
    does not depend on the speed of the models: answers are complete and come one after another,
    and speech does not change which frames are analyzed.
    """

    vision: int = 8
    audio: int = 500
    turns: int = 1500
    answers: int = 64
    lossless: bool = False
    repeatable: bool = False
    max_lag: float | None = 1.5  # seconds of waiting sound above which interim captions are skipped
    max_look_wait: float | None = 0.5  # seconds after which a frame is not analyzed any more
    max_turn: float = 30.0  # a longer turn ends at the next brief silence
    max_gap: float = 1.0  # sound that is missing for longer ends the turn
    reported_gap: float = 0.1  # media that are missing for as long are reported: a short word
    detection_time: float = 2.0  # seconds of a turn after which its language is detected
    detection_confidence: float = 0.6  # below, a turn has the language of the one before it
    translation_interval: float = 2.0  # seconds of sound after which a turn is translated again
    sampling: Sampling = field(default_factory=Sampling)
    frame_output: FrameOutput = field(default_factory=FrameOutput)

    @classmethod
    def replay(cls) -> "Limits":
        """Return limits whose result does not depend on the speed of the machine."""
        return cls(lossless=True, repeatable=True, max_lag=None, max_look_wait=None)

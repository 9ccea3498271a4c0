"""When a turn begins and ends: pure, fed with speech probabilities.

Leaves to others where the probabilities come from and what is done with a turn's sound.
"""

from dataclasses import dataclass, replace

from media.events import TurnDetection

HYSTERESIS = 0.15  # below `threshold` by this much counts as silence; silero-vad's own default
ONSET_FRAMES = 2  # frames of speech that start a turn: one alone is a click
BRIEF_SILENCE = 0.1  # seconds that end a turn which has passed its length


@dataclass(frozen=True, slots=True)
class Turns:
    """Where the detector stands; positions are samples since the stream began.

    | speaking | onset | meaning                                            |
    |----------|-------|----------------------------------------------------|
    | False    | 0     | quiet                                              |
    | False    | n > 0 | the last n frames were speech, not yet a turn      |
    | True     | 0     | in a turn from `start`, last speech ended `spoken` |

    While quiet, `spoken` is where the last turn ended: no sound belongs to two turns.
    """

    position: int = 0
    speaking: bool = False
    onset: int = 0
    start: int = 0
    spoken: int = 0


@dataclass(frozen=True, slots=True)
class Started:
    """A turn began: its sound starts at `start`, padding included."""

    start: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn ended: its sound ends at `end`, padding included."""

    end: int


def next_turn(
    state: Turns,
    probability: float,
    *,
    frame: int,
    rate: int,
    detection: TurnDetection,
    longest: float,
) -> tuple[Turns, Started | Ended | None]:
    """Move on by one frame of `frame` samples and say whether a turn began or ended.

    A turn longer than `longest` seconds ends at the next brief silence, and at twice
    `longest` wherever it is.
    """
    end = state.position + frame
    if not state.speaking:
        return _quiet(state, probability, end, frame, round(detection.padding * rate), detection)
    quiet = probability < max(0.01, detection.threshold - HYSTERESIS)
    spoken = state.spoken if quiet else end
    length = (end - state.start) / rate
    enough = BRIEF_SILENCE if length > longest else detection.silence
    state = replace(state, position=end, spoken=spoken)
    if end - spoken >= enough * rate or length > 2 * longest:
        closed = min(end, spoken + round(detection.padding * rate))
        return replace(state, speaking=False, onset=0, spoken=closed), Ended(closed)
    return state, None


def _quiet(
    state: Turns, probability: float, end: int, frame: int, padding: int, detection: TurnDetection
) -> tuple[Turns, Started | None]:
    onset = state.onset + 1 if probability >= detection.threshold else 0
    if onset < ONSET_FRAMES:
        return replace(state, position=end, onset=onset), None
    start = max(state.spoken, end - onset * frame - padding, 0)
    return Turns(end, speaking=True, onset=0, start=start, spoken=end), Started(start)

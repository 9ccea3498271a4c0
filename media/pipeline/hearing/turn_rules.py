"""When a turn starts and ends: a pure function of speech probabilities.

Voice activity detection and the sound of the turn belong to the turn stage.
"""

from dataclasses import dataclass, replace

from media.events import TurnDetection

HYSTERESIS = 0.15  # below `threshold` by this much counts as silence; silero-vad's own default
ONSET_FRAMES = 2  # frames of speech that start a turn: one alone is a click
BRIEF_SILENCE = 0.1  # seconds that end a turn which is longer than `max_turn`


@dataclass(frozen=True, slots=True)
class TurnDetectionState:
    """State of turn detection; positions are samples since the stream began.

    | speaking | onset | meaning                                                     |
    |----------|-------|-------------------------------------------------------------|
    | False    | 0     | quiet                                                       |
    | False    | n > 0 | the last n frames were speech, not yet a turn               |
    | True     | 0     | in a turn from `start`; speech so far ends at `speech_end`  |

    While quiet, `speech_end` is the end of the last turn: no sound belongs to two turns.
    """

    position: int = 0
    speaking: bool = False
    onset: int = 0
    start: int = 0
    speech_end: int = 0


@dataclass(frozen=True, slots=True)
class SpeechStart:
    """A turn started; `start` includes the padding."""

    start: int


@dataclass(frozen=True, slots=True)
class SpeechEnd:
    """The turn ended; `end` includes the padding."""

    end: int


def next_turn(
    state: TurnDetectionState,
    probability: float,
    *,
    frame: int,
    rate: int,
    detection: TurnDetection,
    max_turn: float,
) -> tuple[TurnDetectionState, SpeechStart | SpeechEnd | None]:
    """Advance by one frame of `frame` samples; return the start or the end of a turn, if any.

    A turn longer than `max_turn` seconds ends at the next brief silence, and at twice
    `max_turn` in any case.
    """
    end = state.position + frame
    if not state.speaking:
        return _wait(state, probability, end, frame, round(detection.padding * rate), detection)
    silent = probability < max(0.01, detection.threshold - HYSTERESIS)
    speech_end = state.speech_end if silent else end
    length = (end - state.start) / rate
    silence = BRIEF_SILENCE if length > max_turn else detection.silence
    state = replace(state, position=end, speech_end=speech_end)
    if end - speech_end >= silence * rate or length > 2 * max_turn:
        closed = min(end, speech_end + round(detection.padding * rate))
        return replace(state, speaking=False, onset=0, speech_end=closed), SpeechEnd(closed)
    return state, None


def _wait(
    state: TurnDetectionState,
    probability: float,
    end: int,
    frame: int,
    padding: int,
    detection: TurnDetection,
) -> tuple[TurnDetectionState, SpeechStart | None]:
    onset = state.onset + 1 if probability >= detection.threshold else 0
    if onset < ONSET_FRAMES:
        return replace(state, position=end, onset=onset), None
    start = max(state.speech_end, end - onset * frame - padding, 0)
    speaking = TurnDetectionState(end, speaking=True, onset=0, start=start, speech_end=end)
    return speaking, SpeechStart(start)

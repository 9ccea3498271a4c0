"""When a turn starts and ends: a pure function of speech probabilities, and of words if wanted.

Voice activity detection, the sound of the turn and its words belong to the turn stage.
"""

from dataclasses import dataclass, replace

from media.events.hearing import TurnDetection

HYSTERESIS = 0.15  # below `threshold` by this much counts as silence; silero-vad's own default
ONSET_FRAMES = 2  # frames of speech that start a turn: one alone is a click
PEEK = 0.2  # seconds of silence after which the words are asked how much more ends the turn
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
    `patience` is how many seconds of the silence in progress end the turn, by its words; None
    until a `SpeechPause` was answered. `voiced` counts the samples of the turn with speech.
    """

    position: int = 0
    speaking: bool = False
    onset: int = 0
    start: int = 0
    speech_end: int = 0
    patience: float | None = None
    voiced: int = 0


@dataclass(frozen=True, slots=True)
class SpeechStart:
    """A turn started; `start` includes the padding."""

    start: int


@dataclass(frozen=True, slots=True)
class SpeechPause:
    """The turn may be over: its words up to here give the `patience` of the state."""


@dataclass(frozen=True, slots=True)
class SpeechEnd:
    """The turn ended; `end` includes the padding."""

    end: int


TurnEvent = SpeechStart | SpeechPause | SpeechEnd


def next_turn(
    state: TurnDetectionState,
    probability: float,
    *,
    frame: int,
    rate: int,
    detection: TurnDetection,
    max_turn: float,
) -> tuple[TurnDetectionState, TurnEvent | None]:
    """Advance by one frame of `frame` samples; return what happened to the turn, if anything.

    A turn longer than `max_turn` seconds ends at the next brief silence, and at twice
    `max_turn` in any case. If words decide, each pause asks for them once.
    """
    end = state.position + frame
    if not state.speaking:
        return _wait(state, probability, end, frame, round(detection.padding * rate), detection)
    silent = probability < max(0.01, detection.threshold - HYSTERESIS)
    speech_end = state.speech_end if silent else end
    length, paused = (end - state.start) / rate, (end - speech_end) / rate
    state = replace(
        state,
        position=end,
        speech_end=speech_end,
        patience=state.patience if silent else None,
        voiced=state.voiced + (0 if silent else frame),
    )
    silence = BRIEF_SILENCE if length > max_turn else _silence(state, detection)
    if length > 2 * max_turn or (silence is not None and paused >= silence):
        closed = min(end, speech_end + round(detection.padding * rate))
        ended = replace(state, speaking=False, onset=0, speech_end=closed, patience=None)
        return ended, SpeechEnd(closed)
    return state, SpeechPause() if silence is None and paused >= PEEK else None


def _silence(state: TurnDetectionState, detection: TurnDetection) -> float | None:
    """Return how many seconds of silence end the turn; None if its words have to be asked."""
    return detection.silence if detection.eagerness is None else state.patience


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
    speaking = TurnDetectionState(
        end, speaking=True, start=start, speech_end=end, voiced=onset * frame
    )
    return speaking, SpeechStart(start)

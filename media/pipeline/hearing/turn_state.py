"""What the turn stage keeps of a stream."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from media.events.hearing import ListeningConfig
from media.pipeline.hearing.turn_items import TurnAudio
from media.pipeline.hearing.turn_rules import TurnDetectionState
from media.pipeline.interfaces import Samples
from media.servers.server import ModelHandle
from models.asr.speech_activity import Region

EMPTY: Samples = np.zeros(0, np.float32)


@dataclass(slots=True, eq=False)
class TurnState:
    """State of the stage: `held` is the sound before `position` that was not sent on yet.

    `uncommitted` counts the samples since the last turn ended, or was cleared. The start of a turn
    is not `announced` while it may be no more than agreement with what the service says.
    A turn without speech is not recognized at all, as a recognizer invents words for silence.
    """

    vad: ModelHandle[Any, Samples, float]
    config: ListeningConfig = field(default_factory=ListeningConfig)
    position: int = 0
    uncommitted: int = 0
    held: Samples = field(default_factory=lambda: EMPTY)
    detection: TurnDetectionState = field(default_factory=TurnDetectionState)
    turn: int = 0  # number of the turn in progress, or of the last one
    start: int | None = None  # first sample of the turn in progress
    announced: bool = True
    asked: int = 0  # how often its words were asked for before a pause
    has_speech: bool = False
    sent_from: int | None = None  # first sample of the turn that was sent on
    made_up: tuple[Region, ...] = ()  # regions of the stream whose sound did not arrive

    def restart(self, position: int) -> None:
        """Go on at `position`: what follows is new to the detector."""
        self.position = position
        self.held = EMPTY
        self.vad.restart()
        self.detection = TurnDetectionState(position=position, speech_end=position)

    def reset(self, end: int) -> None:
        """Return to silence after a turn that ended at `end`."""
        self.start = self.sent_from = None
        self.announced, self.has_speech = True, False
        self.uncommitted = 0
        if self.detection.speaking:
            position = self.detection.position
            self.detection = TurnDetectionState(position=position, speech_end=end)


def take_audio(state: TurnState, until: int) -> TurnAudio | None:
    """Take the turn's sound before `until` that was not sent, if there is any."""
    count = len(state.held) - (state.position - until)
    if state.start is None or not state.has_speech or count <= 0:
        return None
    if state.sent_from is None:
        state.sent_from = state.position - len(state.held)
    samples, state.held = state.held[:count], state.held[count:]
    return TurnAudio(state.turn, state.sent_from, samples, state.config, state.made_up)

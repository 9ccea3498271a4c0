"""What the turn stage keeps of a stream."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from media.events.hearing import ListeningConfig
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
    has_speech: bool = False
    sent_from: int | None = None  # first sample of the turn that was sent on
    made_up: tuple[Region, ...] = ()  # regions of the stream whose sound did not arrive

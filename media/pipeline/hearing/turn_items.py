"""What the turn stage sends to the caption stage."""

import asyncio
from dataclasses import dataclass

from media.events.hearing import ListeningConfig
from media.pipeline.interfaces import Samples
from models.asr.speech_activity import Region
from models.asr.words import RecognizedWord


@dataclass(frozen=True, slots=True, eq=False)
class TurnAudio:
    """Sound of a turn in progress; `start` is the turn's first sample in the stream.

    `made_up` are regions of the stream in which the sound is made up.
    """

    turn: int
    start: int
    samples: Samples
    config: ListeningConfig
    made_up: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """The sound of `turn` is complete; with `kept` False the turn is discarded."""

    turn: int
    start: int
    end: int
    kept: bool
    config: ListeningConfig


@dataclass(frozen=True, slots=True, eq=False)
class TurnPause:
    """`turn` may be over after `audio`: the caption stage gives the `words` of its sound so far.

    With `shown` its caption is sent, too.
    """

    turn: int
    start: int
    audio: TurnAudio | None
    shown: bool
    words: asyncio.Future[tuple[RecognizedWord, ...]]

    @property
    def config(self) -> ListeningConfig:
        """How to listen to a turn of which this is the first item, so that it has audio."""
        assert self.audio is not None
        return self.audio.config


TurnItem = TurnAudio | TurnPause | TurnEnd

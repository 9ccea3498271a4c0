"""What a session asks of the models: the seams between the pipeline and `models`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from media.events import Question
from media.frames import VideoFrame
from media.worker import Worker
from models.asr.words import Heard

Samples = NDArray[np.float32]

# The states of different models have nothing in common but their owner: hence Any below.


class Detector(Protocol):
    """Voice activity: mono float32 at 16 kHz in, one speech probability for each frame out."""

    def init_state(self) -> Any: ...

    def step(self, state: Any, chunk: Samples) -> tuple[Any, Sequence[float]]: ...


class Recogniser(Protocol):
    """Streaming speech recognition of one turn: mono float32 at 16 kHz in."""

    def init_state(self) -> Any: ...

    def step(
        self, state: Any, chunk: Samples, *, hurry: bool = False
    ) -> tuple[Any, Sequence[Heard]]: ...

    def flush(self, state: Any, last: Samples | None = None) -> Sequence[Heard]: ...


class Watcher(Protocol):
    """Remembers pictures and answers questions about them; `answer` changes no state."""

    stand_in: bool

    def init_state(self) -> Any: ...

    def see(self, state: Any, frame: VideoFrame) -> Any: ...

    def answer(self, state: Any, question: Question) -> Iterator[str]: ...


class Voice(Protocol):
    """Text to speech: mono float32 (n,) at `rate`."""

    rate: int

    def speak(self, text: str) -> Samples: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The models and the workers they run on, shared by all sessions.

    `ears` runs the detector, `scribe` the recogniser, `eyes` the watcher, `mouth` the voice and
    `hand` draws: calls on one worker wait for each other, so quick ones stay apart from slow.
    """

    detector: Detector
    recogniser: Recogniser
    watcher: Watcher
    voice: Voice | None
    ears: Worker
    scribe: Worker
    eyes: Worker
    mouth: Worker
    hand: Worker

"""What a session asks of the models: the seams between the pipeline and `models`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from media.worker import Worker
from models.asr.words import Heard, Word
from models.qa.sightings import Said, Seen

Samples = NDArray[np.float32]
Pixels = NDArray[np.uint8]

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


class Finisher(Protocol):
    """Hears a turn again once it is over: mono float32 at 16 kHz in, its words out.

    `guess` are the words that were streamed: they may save time, and change nothing else.
    """

    def hear(self, samples: Samples, guess: Sequence[Word] = ()) -> Sequence[Word]: ...


class Watcher(Protocol):
    """Remembers pictures and answers questions about them; times are in seconds of the stream.

    One thread calls what changes the state, `see`, `heed` and `close`; another may read an
    `answer` of the same state meanwhile.

    `see` raises StoreError where there is no room to remember more: all else goes on.
    """

    stand_in: bool
    about: str  # what it is, for a person: what it can tell, and what it cannot

    def init_state(self, folder: Path | None) -> Any:
        """Return the memory that `folder` holds, or a new one; without, it ends with `close`."""

    def see(self, state: Any, pixels: Pixels, time: float) -> tuple[Any, Seen]: ...

    def heed(self, state: Any, text: str, time: float) -> tuple[Any, Said | None]:
        """Note what a question asks for from now on; return what answers that, if it is all."""

    def standing(self, state: Any) -> tuple[str, ...]:
        """Return the requests to be told something that stand."""

    def answer(self, state: Any, text: str, time: float) -> Said:
        """Answer from what was seen up to `time`; changes nothing."""

    def seen_until(self, state: Any) -> float:
        """Return the time of the last moment that is remembered; less than 0 if none is."""

    def close(self, state: Any) -> None:
        """Write what is only in RAM to the state's folder, and give it back."""


class Voice(Protocol):
    """Text to speech: mono float32 (n,) at `rate`."""

    rate: int

    def speak(self, text: str) -> Samples: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The models and the workers they run on, shared by all sessions.

    `ears` runs the detector, `scribe` the recogniser and the finisher, `eyes` what the watcher
    sees and `mind` what it answers, `mouth` the voice, and `hand` draws: calls on one worker
    wait for each other, so quick ones stay apart from slow. Without `finisher` the caption of a
    turn is what the recogniser streamed.
    """

    detector: Detector
    recogniser: Recogniser
    watcher: Watcher
    voice: Voice | None
    ears: Worker
    scribe: Worker
    eyes: Worker
    mind: Worker
    mouth: Worker
    hand: Worker
    finisher: Finisher | None = None

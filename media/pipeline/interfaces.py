"""Protocols of the models that a session uses."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.asr.words import RecognizedWord, TranscriptUpdate
from models.assistant.interface import AssistantAnswer, FrameAnalysis
from models.generation.chunk_request import ChunkRequest, StepRange, WeightedPrompts

Samples = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# The states of different models have nothing in common but their owner: hence Any below.


class VoiceActivityDetector(Protocol):
    """Voice activity: mono float32 at 16 kHz in, one speech probability for each frame out."""

    def init_state(self) -> Any: ...

    def step(self, state: Any, chunk: Samples) -> tuple[Any, Sequence[float]]: ...


class SpeechRecognizer(Protocol):
    """Streaming speech recognition of one turn: mono float32 at 16 kHz in."""

    def init_state(self) -> Any: ...

    def step(
        self, state: Any, chunk: Samples, *, skip_interim: bool = False
    ) -> tuple[Any, Sequence[TranscriptUpdate]]: ...

    def flush(self, state: Any, last: Samples | None = None) -> Sequence[TranscriptUpdate]: ...


class FinalPass(Protocol):
    """Hears a turn again once it is over: mono float32 at 16 kHz in, its words out."""

    def transcribe(self, samples: Samples) -> Sequence[RecognizedWord]: ...


class VideoAssistant(Protocol):
    """Remembers pictures and answers questions about them; times are in seconds of the stream.

    One thread calls what changes the state, `see`, `heed` and `close`; another may read an
    `answer` of the same state meanwhile.

    `see` raises StoreError where there is no room to remember more: all else goes on.
    """

    stand_in: bool
    about: str  # what it is, for a person: what it can tell, and what it cannot

    def init_state(self, folder: Path | None) -> Any:
        """Return the memory that `folder` holds, or a new one; without, it ends with `close`."""

    def analyze_frame(
        self, state: Any, pixels: Pixels, time: float
    ) -> tuple[Any, FrameAnalysis]: ...

    def note_request(
        self, state: Any, text: str, time: float
    ) -> tuple[Any, AssistantAnswer | None]:
        """Note what a question asks for from now on; return what answers that, if it is all."""

    def standing_requests(self, state: Any) -> tuple[str, ...]:
        """Return the requests to be told something that stand."""

    def answer(self, state: Any, text: str, time: float) -> AssistantAnswer:
        """Answer from what was seen up to `time`; changes nothing."""

    def seen_until(self, state: Any) -> float:
        """Return the time of the last moment that is remembered; less than 0 if none is."""

    def close(self, state: Any) -> None:
        """Write what is only in RAM to the state's folder, and give it back."""


class SpeechSynthesizer(Protocol):
    """Text to speech: mono float32 (n,) at `rate`."""

    rate: int

    def synthesize(self, text: str) -> Samples: ...


class VideoGenerator(Protocol):
    """Draws video, a chunk of pictures after the other: uint8 (height, width, 3), RGB.

    `size` is the width and height of its pictures, `chunk` how many a step begins, and `rate` how
    many of them make a second. `samplers` are the ways it draws, the first by default; `things`
    and `backgrounds` are what it knows by name, and `tracks` says whether things follow them.
    """

    stand_in: bool
    about: str  # what it is, for a person
    size: tuple[int, int]
    chunk: int
    rate: float
    samplers: Mapping[str, StepRange]
    tracks: bool
    things: tuple[str, ...]
    backgrounds: tuple[str, ...]

    def lag(self, name: str, steps: int) -> int:
        """Return after how many further chunks a track shows with a sampler."""

    def prompt_notices(self, prompt: WeightedPrompts) -> tuple[str, ...]:
        """Return what a person should know of how `prompt` is read."""

    def init_state(self, name: str, seed: int) -> Any: ...

    def step(self, state: Any, request: ChunkRequest) -> tuple[Any, Sequence[Pixels]]:
        """Return the state after, and the pictures that are done, perhaps none at first."""

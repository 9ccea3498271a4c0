"""Protocols of the models that a session uses."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from media.frames import VideoFrame
from models.asr.words import RecognizedWord, TranscriptUpdate
from models.assistant.interface import AssistantAnswer, Exchange, FrameAnalysis, Moment
from models.generation.chunk_request import ChunkRequest, StepRange, WeightedPrompts
from models.generation.own_look import OwnLooks
from models.generation.small.prompts.vocabulary import Vocabulary

Samples = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# Each model has a state type of its own, which only the model reads: hence Any below.


class SpeechRecognizer(Protocol):
    """Streaming speech recognition of one turn: mono float32 at 16 kHz."""

    def init_state(self) -> Any: ...

    def step(
        self, state: Any, chunk: Samples, *, skip_interim: bool = False
    ) -> tuple[Any, Sequence[TranscriptUpdate]]: ...

    def flush(self, state: Any, last: Samples | None = None) -> Sequence[TranscriptUpdate]: ...


class FinalPass(Protocol):
    """Recognition of a whole turn after its end: mono float32 at 16 kHz to words."""

    def transcribe(self, samples: Samples) -> Sequence[RecognizedWord]: ...


class VideoAssistant(Protocol):
    """Remembers frames and answers questions about them; times are in seconds of the stream.

    One thread calls `analyze_frame`, `note_request` and `close`, which change the state; another
    may read the pieces of an `answer` from the same state at the same time.

    If a frame cannot be stored, `analyze_frame` says so in its result.
    """

    stand_in: bool
    about: str  # description for users: what it can do, and what it cannot

    def init_state(self, folder: Path | None, *, durable: bool = False) -> Any:
        """Open the memory in `folder`, or a new one; None keeps nothing after `close`.

        A `durable` memory is written as it grows, so that it survives the process.
        """

    def analyze_frame(
        self, state: Any, pixels: Pixels, time: float
    ) -> tuple[Any, FrameAnalysis]: ...

    def note_request(
        self, state: Any, text: str, time: float
    ) -> tuple[Any, AssistantAnswer | None]:
        """Note the standing request in a question; return the answer if that is all it asks."""

    def standing_requests(self, state: Any) -> tuple[str, ...]:
        """Return the standing requests."""

    def answer(
        self, state: Any, text: str, time: float, conversation: Sequence[Exchange] = ()
    ) -> AssistantAnswer:
        """Answer from what was seen up to `time`; does not change the state.

        `conversation` is what was said before, oldest first; a model may not read it.
        """

    def recall(
        self, state: Any, text: str, until: float, *, since: float = 0.0, count: int
    ) -> tuple[Moment, ...]:
        """Return at most `count` moments from `since` to `until` that `text` is about, in order.

        The newest observation is one of them, with number -1 if it is not stored. The state does
        not change.
        """

    def seen_until(self, state: Any) -> float:
        """Return the time of the last remembered moment; less than 0 if there is none."""

    def close(self, state: Any) -> None:
        """Write what is only in RAM to the state's folder, and release it."""


class SpeechSynthesizer(Protocol):
    """Text to speech: mono float32 (samples,) at `rate`."""

    rate: int

    def synthesize(self, text: str) -> Samples: ...


class VideoGenerator(Protocol):
    """Generates video in chunks of frames: uint8 (height, width, 3), RGB.

    `size` is the width and height of a frame, `chunk` the number of frames that a step starts, and
    `rate` the frames a second. The first of `samplers` is the default. `vocabulary` is what it can
    draw, None for anything; with `tracks` things follow tracks. With `takes_looks` it draws
    pictures of the user's own, too.
    """

    stand_in: bool
    about: str  # description for users
    size: tuple[int, int]
    chunk: int
    rate: float
    samplers: Mapping[str, StepRange]
    tracks: bool
    takes_looks: bool

    @property
    def vocabulary(self) -> Vocabulary | None: ...

    def lag(self, name: str, steps: int) -> int:
        """Return how many chunks later a track shows, with sampler `name` and its steps."""

    def refusal(self, prompt: WeightedPrompts, looks: OwnLooks = ()) -> str:
        """Return why nothing is drawn for `prompt`, for the user; empty if it can be drawn."""

    def prompt_notices(self, prompt: WeightedPrompts, looks: OwnLooks = ()) -> tuple[str, ...]:
        """Return messages for the user about how `prompt` is understood."""

    def init_state(self, name: str, seed: int) -> Any: ...

    def step(self, state: Any, request: ChunkRequest) -> tuple[Any, Sequence[Pixels]]:
        """Return the next state and the completed frames; the first steps may complete none."""


class FrameFilter(Protocol):
    """Changes the video that comes back to clients."""

    name: str
    about: str  # description for users

    async def apply(self, frame: VideoFrame) -> VideoFrame:
        """Return what comes back in place of `frame`.

        Raises:
            FrameFilterError: nothing does; the message is for the user.
        """

"""Events of video generation: its controls and its status.

Every `time` is media time: seconds since the session began.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

from models.generation.chunk_request import WeightedPrompts
from models.generation.own_look import OwnLooks

Sampler = Literal["motion-stream", "rolling-forcing", "stream-dit"]


SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)


@dataclass(frozen=True, slots=True)
class PromptChange:
    """Generate this from now on: one text, or several that are blended, with their weights."""

    parts: WeightedPrompts
    time: float


@dataclass(frozen=True, slots=True)
class LooksChange:
    """From now on the user's own pictures are these: prompts may name them."""

    looks: OwnLooks
    time: float


@dataclass(frozen=True, slots=True)
class TrackPoints:
    """Move object number `thing` of the prompt along `points`, x and y in [0, 1].

    `times` are seconds of generated video since the object's first timed point. Without times the
    points are followed as they arrive, as from a pointer.
    """

    thing: int
    points: tuple[tuple[float, float], ...]
    times: tuple[float, ...] | None
    time: float


@dataclass(frozen=True, slots=True)
class ClearTrack:
    """Delete the track of object `thing`, or all tracks if it is None."""

    thing: int | None
    time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationConfig:
    """How to generate from now on; with `steps` None the sampler's default is used.

    With `camera` generation starts from the incoming frames, with noise up to `strength` in
    [0, 1]. With `pictures` each frame is also sent as a `GeneratedImage`. `again` restarts the
    generation, and `once` generates one chunk while paused.
    """

    time: float
    enabled: bool = False
    sampler: Sampler = "motion-stream"
    steps: int | None = None
    seed: int = 0
    camera: bool = False
    strength: float = 0.6
    paused: bool = False
    pictures: bool = False
    again: bool = False
    once: bool = False


@dataclass(frozen=True, slots=True)
class DrawRequest:
    """The model that answers wants `text` to be drawn: the client's prompt and settings change."""

    text: str


GenerationState = Literal["off", "waiting", "refused", "drawing", "paused", "full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationStatus:
    """The state of generation, with the sampler and steps in use.

    It is "refused" if the model knows nothing of what the prompt asks for; the notice says why.

    `rate` and `fps` are in frames per second: of the video, and measured. `queue` frames wait to
    be shown, and `pictures` were shown since generation started. `delay` is in seconds from the
    last control to the first frame generated with it, None before one. `degraded` says that steps
    or rate are reduced to keep up.
    """

    state: GenerationState
    sampler: Sampler
    steps: int
    rate: float
    fps: float
    queue: int
    pictures: int
    delay: float | None
    degraded: bool
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """A generated frame as a JPEG file; `number` counts frames since generation started."""

    number: int
    time: float
    jpeg: bytes = field(repr=False)


GenerationInput = PromptChange | LooksChange | TrackPoints | ClearTrack | GenerationConfig


GenerationOutput = DrawRequest | GenerationStatus | GeneratedImage

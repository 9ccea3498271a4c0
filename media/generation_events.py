"""What is said about video that is drawn: how it is steered, and how it goes.

Every `time` is media time: seconds since the session began.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

Sampler = Literal["motion-stream", "rolling-forcing", "stream-dit"]
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)


@dataclass(frozen=True, slots=True)
class PromptChange:
    """Draw this from now on: texts with their weights, one or several that are blended."""

    parts: tuple[tuple[str, float], ...]
    time: float


@dataclass(frozen=True, slots=True)
class TrackPoints:
    """Thing number `thing` of the prompt goes on along `points`: x and y in [0, 1].

    `times` are seconds of what is drawn since the thing's first timed point; without, a hand
    moves it, and the points are gone through as soon as they are there.
    """

    thing: int
    points: tuple[tuple[float, float], ...]
    times: tuple[float, ...] | None
    time: float


@dataclass(frozen=True, slots=True)
class ClearTrack:
    """Forget where `thing` was to go, or all things where it is None."""

    thing: int | None
    time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationConfig:
    """How to draw from now on; `steps` None is the sampler's own number.

    With `camera` drawing starts from the pictures that come in, up to noise `strength` in [0, 1].
    `pictures` asks for each picture as a `Picture`. With `again` it begins anew, and with `once`
    a paused drawing makes one chunk more.
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


GenerationState = Literal["off", "waiting", "drawing", "paused", "full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationStatus:
    """How drawing goes: what is in use now, `rate` and `fps` in pictures a second.

    `queue` pictures wait to be shown and `pictures` were, since drawing began. `delay` is in
    seconds from the last control to the first picture drawn with it, None before one.
    `degraded` says that steps or rate are below what was asked for, so as not to be late.
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
    """A picture that was drawn, as a JPEG file; `number` counts them since drawing began."""

    number: int
    time: float
    jpeg: bytes = field(repr=False)


GenerationInput = PromptChange | TrackPoints | ClearTrack | GenerationConfig
GenerationOutput = GenerationStatus | GeneratedImage

"""What a session is asked to draw: all controls that came, folded into one value.

Changes that come while a chunk is drawn are taken together by the next: the last of each kind
counts, and no queue of them can grow.
"""

from dataclasses import dataclass, field, replace

from media.generation_events import (
    ClearTrack,
    GenerationConfig,
    GenerationInput,
    PromptChange,
    TrackPoints,
)
from media.pipeline.generation.motion import MotionTracks
from models.generation.chunk_request import WeightedPrompts

OUTDATING = ("steps", "camera", "strength")  # a change of these makes what waits out of date
RENEWING = ("sampler", "seed")  # and of these begins anew


@dataclass(slots=True)
class Controls:
    """The controls as they are now.

    With `anew` the video begins anew; `once` chunks are drawn although it is paused. `outdated`
    says that what waits to be shown is so. `since` is the time of the oldest change that no chunk
    has taken yet, and `only_tracks` whether all of those were tracks.
    """

    tracks: MotionTracks
    prompt: WeightedPrompts = ()
    generation: GenerationConfig = field(default_factory=lambda: GenerationConfig(time=0.0))
    anew: bool = True
    once: int = 0
    outdated: bool = False
    since: float | None = None
    only_tracks: bool = True

    def apply(self, item: GenerationInput, now: float) -> None:
        """Take a control that came at `now`."""
        match item:
            case PromptChange():
                if item.parts != self.prompt:
                    self.prompt = item.parts
                    self._change(now, outdated=True)
            case TrackPoints():
                self.tracks.append(item)
                self._change(now)
            case ClearTrack():
                self.tracks.clear(item.thing)
                self._change(now)
            case GenerationConfig():
                self._update(item, now)

    def taken(self) -> tuple[float | None, bool]:
        """Return `since` and `only_tracks`, and note that a chunk takes all changes."""
        since, only_tracks = self.since, self.only_tracks
        self.since, self.only_tracks = None, True
        self.outdated = self.anew = False
        self.once = max(0, self.once - 1)
        return since, only_tracks

    def give_back(self, since: float | None) -> None:
        """Note that what was taken is not going to be shown."""
        if since is not None:
            self.since = since if self.since is None else min(self.since, since)
            self.only_tracks = False

    def _update(self, item: GenerationConfig, now: float) -> None:
        before, self.generation = self.generation, replace(item, again=False, once=False)
        if item.again:
            self.tracks.clear()
        renewed = item.again or any(getattr(before, n) != getattr(item, n) for n in RENEWING)
        self.anew = self.anew or renewed
        self.once = self.once + item.once if item.paused else 0
        if renewed or any(getattr(before, name) != getattr(item, name) for name in OUTDATING):
            self._change(now, outdated=True)
        elif item.once or item.enabled != before.enabled:
            self._change(now)

    def _change(self, now: float, *, outdated: bool = False) -> None:
        self.since = now if self.since is None else self.since
        self.only_tracks = self.only_tracks and not outdated
        self.outdated = self.outdated or outdated

"""The controls of a session's video, folded into one value.

The next chunk takes all changes that came during a chunk: the last of each kind counts, and there
is no queue that could grow.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from media.events.generation import (
    ClearTrack,
    GenerationConfig,
    GenerationInput,
    LooksChange,
    PromptChange,
    TrackPoints,
)
from media.pipeline.generation.motion import MotionTracks
from models.generation.chunk_request import WeightedPrompts
from models.generation.own_look import OwnLooks

OUTDATING = ("steps", "camera", "strength")  # fields whose change makes waiting frames outdated
RESTARTING = ("sampler", "seed")  # fields whose change starts another video


@dataclass(slots=True)
class Controls:
    """The controls as they are now.

    `find_refusal` says why a prompt that is `asked` for cannot be drawn with the user's `looks`:
    then there is no `prompt`, and a `refusal`, until other looks allow it.

    With `restart` the next chunk starts another video; `extra_chunks` are generated although it
    is paused. With `outdated` waiting frames follow older controls. `changed_at` is the time of
    the oldest change that no chunk took yet; with `only_tracks` all such changes were tracks.
    """

    tracks: MotionTracks
    find_refusal: Callable[[WeightedPrompts, OwnLooks], str]
    asked: WeightedPrompts = ()
    looks: OwnLooks = ()
    prompt: WeightedPrompts = ()
    refusal: str = ""
    config: GenerationConfig = field(default_factory=lambda: GenerationConfig(time=0.0))
    restart: bool = True
    extra_chunks: int = 0
    outdated: bool = False
    changed_at: float | None = None
    only_tracks: bool = True

    def apply(self, item: GenerationInput, now: float) -> None:
        match item:
            case PromptChange():
                self._ask(item.parts, self.looks, now)
            case LooksChange():
                self._ask(self.asked, item.looks, now)
            case TrackPoints():
                self.tracks.append(item)
                self._change(now)
            case ClearTrack():
                self.tracks.clear(item.thing)
                self._change(now)
            case GenerationConfig():
                self._configure(item, now)

    def take(self) -> tuple[float | None, bool]:
        """Take all changes for a chunk; return what `changed_at` and `only_tracks` were."""
        changed_at, only_tracks = self.changed_at, self.only_tracks
        self.changed_at, self.only_tracks = None, True
        self.outdated = self.restart = False
        self.extra_chunks = max(0, self.extra_chunks - 1)
        return changed_at, only_tracks

    def give_back(self, changed_at: float | None) -> None:
        """Give back changes that were taken for frames which will not be shown."""
        if changed_at is not None:
            times = (changed_at, self.changed_at)
            self.changed_at = min(time for time in times if time is not None)
            self.only_tracks = False

    def _ask(self, asked: WeightedPrompts, looks: OwnLooks, now: float) -> None:
        """Ask for a prompt with the user's looks."""
        before = (self.prompt, self.looks)
        self.asked, self.looks = asked, looks
        self.refusal = self.find_refusal(asked, looks) if asked else ""
        self.prompt = () if self.refusal else asked
        if (self.prompt, self.looks) != before and (self.prompt or before[0]):
            self._change(now, outdated=True)

    def _configure(self, item: GenerationConfig, now: float) -> None:
        before, self.config = self.config, replace(item, again=False, once=False)
        if item.again:
            self.tracks.clear()
        restart = item.again or any(getattr(before, n) != getattr(item, n) for n in RESTARTING)
        self.restart = self.restart or restart
        self.extra_chunks = self.extra_chunks + item.once if item.paused else 0
        if restart or any(getattr(before, name) != getattr(item, name) for name in OUTDATING):
            self._change(now, outdated=True)
        elif item.once or item.enabled != before.enabled:
            self._change(now)

    def _change(self, now: float, *, outdated: bool = False) -> None:
        self.changed_at = now if self.changed_at is None else self.changed_at
        self.only_tracks = self.only_tracks and not outdated
        self.outdated = self.outdated or outdated

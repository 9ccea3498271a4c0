"""Chooses one of the layers of a simulcast: the same video that a client sends in several sizes.

Each layer has an SSRC of its own. The one that is decoded is the largest that fits; where none
fits, the smallest. Changing needs a keyframe of the new layer. A client stops layers for which it
lacks bandwidth, so a layer counts as stopped when others go on without it.
"""

import enum
from dataclasses import dataclass

from media.sizes import SizeLimits, fit
from rtc.receiving.picture_size import Size

STOPPED = 10  # frames of another layer without a packet of this one
REQUEST_INTERVAL = 15  # frames of a layer between two requests of a keyframe
MAX_LAYERS = 8


class Verdict(enum.Enum):
    """What is done with a packet; WANTED is a DROPPED one whose layer needs a keyframe."""

    TAKEN = enum.auto()
    FIRST = enum.auto()
    DROPPED = enum.auto()
    WANTED = enum.auto()


@dataclass(slots=True)
class Layer:
    """One layer: its latest size and timestamp.

    `frames` counts those since the chosen layer was heard, `waited` those since a keyframe was
    requested.
    """

    size: Size | None = None
    timestamp: int | None = None
    frames: int = 0
    waited: int = 0


class LayerSelector:
    """Gives a verdict on each packet; FIRST is the first one of a newly chosen layer.

    A single stream is taken as it is, from its first packet on.
    """

    def __init__(self, limits: SizeLimits) -> None:
        self.chosen: int | None = None
        self._limits = limits
        self._layers: dict[int, Layer] = {}

    def take(self, ssrc: int, timestamp: int, size: Size | None) -> Verdict:
        """Take a packet of the layer `ssrc`; `size` is None unless it begins a keyframe."""
        layer = self._layer(ssrc)
        layer.size = size or layer.size
        is_new = timestamp != layer.timestamp
        layer.timestamp = timestamp
        if ssrc == self.chosen:
            for each in self._layers.values():
                each.frames = 0
            return Verdict.TAKEN
        layer.frames += is_new
        layer.waited += is_new
        if self.chosen is None or (size is not None and self._is_better(layer)):
            self._choose(ssrc)
            return Verdict.FIRST
        if layer.waited < REQUEST_INTERVAL or not (layer.size is None or self._is_better(layer)):
            return Verdict.DROPPED
        layer.waited = 0
        return Verdict.WANTED

    def _layer(self, ssrc: int) -> Layer:
        if ssrc not in self._layers and len(self._layers) >= MAX_LAYERS:
            del self._layers[next(each for each in self._layers if each != self.chosen)]
        return self._layers.setdefault(ssrc, Layer())

    def _choose(self, ssrc: int) -> None:
        """Change to a layer, and forget layers that have stopped."""
        longest = max((each.frames for each in self._layers.values()), default=0)
        if self.chosen is not None and longest >= STOPPED:
            del self._layers[self.chosen]
        self.chosen = ssrc
        for each in self._layers.values():
            each.frames = 0

    def _is_better(self, layer: Layer) -> bool:
        """Return whether `layer` is better than the chosen one, or the best while that stopped."""
        assert self.chosen is not None
        chosen = self._layers[self.chosen]
        if layer.frames < STOPPED:
            return self._rank(layer) > self._rank(chosen)
        others = (each for each in self._layers.values() if each is not chosen)
        going_on = [each for each in others if 2 * each.frames >= layer.frames]
        return self._rank(layer) >= max(map(self._rank, going_on))

    def _rank(self, layer: Layer) -> int:
        """Return the area of a layer that fits, its negative if it does not; 0 if unknown."""
        if layer.size is None:
            return 0
        area = layer.size[0] * layer.size[1]
        return area if fit(*layer.size, self._limits) == layer.size else -area

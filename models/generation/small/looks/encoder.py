"""The looks of what a prompt names, encoded chunk by chunk."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.generation.calls import Calls
from models.generation.chunk_request import MAX_THINGS
from models.generation.codec.codec import PATCH, FeatureCache
from models.generation.codec.networks import CodecEngines
from models.generation.looks import ChunkLooks
from models.generation.own_look import OwnLook
from models.generation.small.looks.facing import LEFT, facing
from models.generation.small.looks.layers import (
    gray_clip,
    layer_pictures,
    still_clip,
    thing_layer,
)
from models.generation.small.looks.own import own_backdrop, own_sprites
from models.generation.small.looks.pictures import LookPictures
from models.generation.small.looks.sprites import backdrop, sprite

KEPT = 64  # backgrounds and sprites, less than 0.1 MB each

Pixels = NDArray[np.uint8]
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class ThingLook:
    """Which look of a thing is drawn: number `look` of `kind`, in a size and a color."""

    kind: str
    look: int
    size: str = ""
    color: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class OwnThing:
    """A thing from a picture of the user's: its sprites to the left and to the right."""

    sprites: tuple[Pixels, Pixels]


@dataclass(frozen=True, slots=True, eq=False)
class OwnGround:
    """A background from a picture of the user's: uint8 (side, side, 3)."""

    pixels: Pixels


@dataclass(frozen=True, slots=True)
class PromptLooks:
    """The looks of a prompt: of its things, in its order, and of its background."""

    things: tuple[ThingLook | OwnThing, ...]
    ground: str | OwnGround


@dataclass(frozen=True, slots=True, eq=False)
class LookState:
    """For each thing: which way it looks, and the encoder's cache; an own background's latent.

    What is made of a user's pictures is here and in the prompt's looks, not shared by sessions.
    """

    ways: tuple[int, ...] = (LEFT,) * MAX_THINGS
    caches: tuple[FeatureCache | None, ...] = (None,) * MAX_THINGS
    ground: tuple[OwnGround, Tensor] | None = None


class LookEncoder:
    """Encodes looks for frames of `side` pixels; use it from one thread at a time."""

    def __init__(self, pictures: LookPictures, codec: CodecEngines, side: int) -> None:
        self._pictures, self._codec, self._side = pictures, codec, side
        self._latents: OrderedDict[str, Tensor] = OrderedDict()
        self._sprites: OrderedDict[ThingLook, tuple[Pixels, Pixels]] = OrderedDict()

    def choose(self, kind: str, seed: int, *, size: str = "", color: str = "") -> ThingLook:
        """Return the look of a thing in a video of `seed`."""
        return ThingLook(kind, seed % len(self._pictures.things[kind]), size, color)

    def own_thing(self, look: OwnLook, size: str = "") -> OwnThing:
        """Return a thing from a picture of the user's."""
        return OwnThing(own_sprites(look, self._side, size))

    def own_ground(self, look: OwnLook) -> OwnGround:
        """Return a background from a picture of the user's."""
        return OwnGround(own_backdrop(look, self._side))

    def step(
        self, state: LookState, looks: PromptLooks, track: Tensor
    ) -> Calls[tuple[LookState, ChunkLooks]]:
        """Return the looks of a chunk of one latent; a thing without a track has none.

        `track` is float32 (things, 4, 2), NaN for none.
        """
        cells, channels = self._side // PATCH, self._codec.config.channels
        things = torch.zeros(MAX_THINGS, channels + 1, 1, cells, cells)
        ways = list(state.ways)
        caches: list[FeatureCache | None] = [None] * MAX_THINGS
        gray = yield from self._still("")
        for number, (thing, points) in enumerate(zip(looks.things, track.numpy(), strict=False)):
            if not np.isfinite(points).all():
                continue
            ways[number] = facing(points, ways[number])
            layer = thing_layer(self._both(thing), (ways[number],), points, self._side)
            shown, covered = layer_pictures(layer)
            latent, caches[number] = yield from self._codec.encode(shown, state.caches[number])
            things[number] = torch.cat([latent - gray, covered], 1)[0]
        own = None
        if isinstance(looks.ground, OwnGround):
            own = yield from self._own_ground(state, looks.ground)
            ground = own[1]
        else:
            ground = yield from self._still(looks.ground)
        after = LookState(tuple(ways), tuple(caches), own)
        return after, ChunkLooks(things, (ground - gray)[0, :, 0])

    def _both(self, thing: ThingLook | OwnThing) -> tuple[Pixels, Pixels]:
        """Return the sprites of a thing that looks to the left and to the right."""
        if isinstance(thing, OwnThing):
            return thing.sprites
        if thing not in self._sprites:
            look = self._pictures.things[thing.kind][thing.look]
            left, right = (
                sprite(look, frame=self._side, size=thing.size, color=thing.color, right=way)
                for way in (False, True)
            )
            self._sprites[thing] = (left, right)
        return _recent(self._sprites, thing)

    def _still(self, ground: str) -> Calls[Tensor]:
        """Return the latent of a background that stands still; of gray for none."""
        if ground not in self._latents:
            clip = gray_clip(self._side)
            if ground:
                clip = still_clip(backdrop(self._pictures.grounds[ground], self._side))
            self._latents[ground] = yield from self._encoded(clip)
        return _recent(self._latents, ground)

    def _own_ground(self, state: LookState, ground: OwnGround) -> Calls[tuple[OwnGround, Tensor]]:
        if state.ground is not None and state.ground[0] is ground:
            return state.ground
        latent = yield from self._encoded(still_clip(ground.pixels))
        return ground, latent

    def _encoded(self, clip: Tensor) -> Calls[Tensor]:
        _, before = yield from self._codec.encode(clip)
        latent, _ = yield from self._codec.encode(clip, before)
        return latent


def _recent(kept: OrderedDict[K, V], key: K) -> V:
    """Return what is kept under `key`, and drop what was used longest ago."""
    kept.move_to_end(key)
    if len(kept) > KEPT:
        kept.popitem(last=False)
    return kept[key]

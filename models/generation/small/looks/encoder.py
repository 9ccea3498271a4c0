"""Looks of what a prompt names, encoded when they are first drawn, and kept."""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor

from models.generation.calls import Calls
from models.generation.chunk_request import MAX_THINGS
from models.generation.codec import PATCH
from models.generation.codec_networks import CodecEngines
from models.generation.looks import PHASES, ChunkLooks
from models.generation.small.looks.latents import (
    gray_picture,
    ground_picture,
    look_pictures,
    with_coverage,
)
from models.generation.small.looks.pictures import LookPictures
from models.generation.small.looks.sprites import backdrop, sprite

KEPT = 64  # looks, about 0.1 MB each


@dataclass(frozen=True, slots=True)
class ThingLook:
    """Which look of a thing is drawn: that of `kind` with number `look`, as a prompt wants it."""

    kind: str
    look: int
    size: str = ""
    color: str = ""


@dataclass(frozen=True, slots=True)
class PromptLooks:
    """The looks of a prompt: of its things, in its order, and of its background."""

    things: tuple[ThingLook, ...]
    ground: str


class LookEncoder:
    """Encodes looks for frames of `side` pixels; use it from one thread at a time."""

    def __init__(self, pictures: LookPictures, codec: CodecEngines, side: int) -> None:
        self._pictures, self._codec, self._side = pictures, codec, side
        self._kept: OrderedDict[tuple[object, ...], Tensor] = OrderedDict()

    def choose(self, kind: str, seed: int, *, size: str = "", color: str = "") -> ThingLook:
        """Return the look of a thing in a video of `seed`."""
        return ThingLook(kind, seed % len(self._pictures.things[kind]), size, color)

    def chunk_looks(self, looks: PromptLooks, facing: tuple[int, ...]) -> Calls[ChunkLooks]:
        """Return the looks of a chunk of one latent, in which things face as `facing` says."""
        cells = self._side // PATCH
        channels = self._codec.config.channels
        things = torch.zeros(MAX_THINGS, 1, PHASES, PHASES, channels + 1, cells, cells)
        for number, (thing, way) in enumerate(zip(looks.things, facing, strict=False)):
            things[number, 0] = yield from self._thing(thing, right=way == 1)
        ground = yield from self._ground(looks.ground)
        return ChunkLooks(things, ground)

    def _thing(self, thing: ThingLook, *, right: bool) -> Calls[Tensor]:
        look = self._pictures.things[thing.kind][thing.look]
        key = (thing, right and look.directed)
        if (known := self._known(key)) is not None:
            return known
        shown = sprite(look, frame=self._side, size=thing.size, color=thing.color, right=right)
        pictures, covered = look_pictures(shown, self._side)
        gray = yield from self._gray()
        latents = yield from self._still(pictures)
        return self._keep(key, with_coverage(latents, gray, covered))

    def _ground(self, name: str) -> Calls[Tensor]:
        if (known := self._known((name,))) is not None:
            return known
        gray = yield from self._gray()
        shown = backdrop(self._pictures.grounds[name], self._side)
        latents = yield from self._still(ground_picture(shown))
        return self._keep((name,), (latents - gray)[0, :, 0])

    def _gray(self) -> Calls[Tensor]:
        if (known := self._known(())) is not None:
            return known
        return self._keep((), (yield from self._still(gray_picture(self._side))))

    def _still(self, pictures: Tensor) -> Calls[Tensor]:
        """Return the second latent of clips in which nothing moves."""
        _, before = yield from self._codec.encode(pictures)
        latents, _ = yield from self._codec.encode(pictures, before)
        return latents

    def _known(self, key: tuple[object, ...]) -> Tensor | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def _keep(self, key: tuple[object, ...], made: Tensor) -> Tensor:
        self._kept[key] = made
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return made

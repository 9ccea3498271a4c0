"""Clips of pictured things that move over backgrounds: a function of a seed.

`compose(pictures, seed, ...)` is deterministic. Held-out clips have other seeds, other looks of a
thing if there are any, and the other side of each background's picture.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.generation.codec.codec import FRAMES_PER_LATENT
from models.generation.small.looks.coloring import COLORED, COLORS
from models.generation.small.looks.facing import LEFT, facing
from models.generation.small.looks.layers import thing_layer, through_lens
from models.generation.small.looks.pictures import LookPictures
from models.generation.small.looks.sprites import backdrop, sprite
from models.training.video.clips.captions import caption
from models.training.video.clips.grounds import BACKGROUNDS
from models.training.video.clips.kinds import KINDS
from models.training.video.clips.paths import Floats, ObjectPath, draw

Pixels = NDArray[np.uint8]

HELD_OUT_SEED = 1_000_003  # mixed into the seeds of held-out clips
TWO = 0.45  # share of clips with two things
COLORED_SHARE = 0.35  # of the things that have colors
SIZE_SHARES = {"small": 0.2, "": 0.6, "large": 0.2}
BORDER = 0.68  # the right of it is for held-out clips, as a share of a picture's width


@dataclass(frozen=True, slots=True, eq=False)
class VideoClip:
    """A clip with its labels.

    `frames` is uint8 (frames, size, size, 3); `tracks` float32 (objects, frames, 2), x and y of
    each object's center in [0, 1], in the order of `caption`; `masks` uint8 (objects, frames, size,
    size) is the coverage of each pixel, 255 for all of it. `sprites` are each object's looks to
    the left and to the right, premultiplied uint8 (h, w, 4); `facing` int8 (objects, latents) says
    which is shown. `ground` is the background without them, uint8 (size, size, 3). An object
    without a word for its size or color has an empty one.
    """

    frames: Pixels
    masks: Pixels
    tracks: Floats
    sprites: list[tuple[Pixels, Pixels]]
    facing: NDArray[np.int8]
    ground: Pixels
    caption: str
    kinds: tuple[str, ...]
    motions: tuple[str, ...]
    background: str
    sizes: tuple[str, ...]
    colors: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ComposedObject:
    """An object with its looks to the left and to the right, its path, and its ways."""

    kind: str
    size: str
    color: str
    sprites: tuple[Pixels, Pixels]
    track: ObjectPath
    ways: tuple[int, ...]  # one for each latent


def compose(
    pictures: LookPictures, seed: int, *, size: int, frames: int, held_out: bool = False
) -> VideoClip:
    """Return clip `seed`, `size` pixels square, with one object, or two in `TWO` of the clips."""
    rng = np.random.default_rng([seed, HELD_OUT_SEED] if held_out else [seed])
    background = str(rng.choice(list(BACKGROUNDS)))
    count = 2 if rng.random() < TWO else 1
    kinds = tuple(str(kind) for kind in rng.choice(list(KINDS), count, replace=False))
    things = [_thing(pictures, rng, kind, size, frames, held_out=held_out) for kind in kinds]
    motions = tuple(thing.track.motion for thing in things)
    sizes, colors = tuple(each.size for each in things), tuple(each.color for each in things)
    ground = cropped(pictures, background, size, rng, held_out=held_out)
    shown, masks = composite(ground, things)
    return VideoClip(
        shown,
        masks,
        np.stack([thing.track.points for thing in things]),
        [thing.sprites for thing in things],
        np.array([thing.ways for thing in things], np.int8),
        ground,
        caption(rng, kinds, motions, background, sizes, colors),
        kinds,
        motions,
        background,
        sizes,
        colors,
    )


def _thing(
    pictures: LookPictures,
    rng: np.random.Generator,
    kind: str,
    frame: int,
    frames: int,
    *,
    held_out: bool,
) -> ComposedObject:
    others = pictures.held_out.get(kind, ()) if held_out else ()
    looks = others or pictures.things[kind]
    look = looks[int(rng.integers(len(looks)))]
    size = str(rng.choice(list(SIZE_SHARES), p=list(SIZE_SHARES.values())))
    colored = kind in COLORED and rng.random() < COLORED_SHARE
    color = str(rng.choice(list(COLORS))) if colored else ""
    left, right = (
        sprite(look, frame=frame, size=size, color=color, right=way) for way in (False, True)
    )
    track = draw(rng, frames)
    return ComposedObject(kind, size, color, (left, right), track, _ways(track.points))


def _ways(points: Floats) -> tuple[int, ...]:
    ways = [LEFT]
    for start in range(0, len(points), FRAMES_PER_LATENT):
        ways.append(facing(points[start : start + FRAMES_PER_LATENT], ways[-1]))
    return tuple(ways[1:])


def cropped(
    pictures: LookPictures,
    name: str,
    size: int,
    rng: np.random.Generator | None = None,
    *,
    held_out: bool = False,
) -> Pixels:
    """Return background `name`: uint8 (size, size, 3), cropped at random, without `rng` midway."""
    ground = BACKGROUNDS[name]
    # a place in a range of shares: across, down, and of the width of the crop
    across, down, wide = (0.5, 0.5, 0.5) if rng is None else rng.random(3)
    if ground.picture is None:
        shade = np.linspace(-0.07 * (1 - across), 0.07 * down, size)
        flat = np.array(ground.tint) + shade[:, None, None] + np.zeros((size, size, 3))
        return np.clip(np.rint(flat * 255), 0, 255).astype(np.uint8)
    picture = pictures.grounds[name]
    height, width = picture.shape[:2]
    side = round(height * ground.crop * (0.85 + 0.15 * wide))
    border = round(width * BORDER)
    # wider crops cross the border
    left, right = (min(border, width - side), width - side) if held_out else (0, border - side)
    x = left + round(across * max(0, right - left))
    y = round(down * (height - side))
    return backdrop(picture[y : y + side, x : x + side], size)


def composite(ground: Pixels, things: list[ComposedObject]) -> tuple[Pixels, Pixels]:
    """Return the frames, and the masks of the things; a later thing is in front."""
    size = len(ground)
    frames = len(things[0].track.points)
    shown = np.repeat(ground[None].astype(np.float32), frames, 0)
    masks = np.zeros((len(things), frames, size, size), np.uint8)
    for index, thing in enumerate(things):
        layer = thing_layer(thing.sprites, thing.ways, thing.track.points, size)
        shown = shown * (1 - layer[..., 3:] / np.float32(255)) + layer[..., :3]
        masks[index] = layer[..., 3]
    return through_lens(shown), masks

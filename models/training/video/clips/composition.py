"""Clips of photographed objects that move over backgrounds: a function of a seed.

`compose(pictures, seed, ...)` is deterministic. Held-out clips have other seeds, other photographs
of an object if there are any, and the other side of each background's photograph.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from models.training.video.clips.captions import caption
from models.training.video.clips.kinds import BACKGROUNDS, KINDS, instances
from models.training.video.clips.paths import Floats, ObjectPath, draw
from models.training.video.clips.pictures import Photographs

Pixels = NDArray[np.uint8]

HELD_OUT_SEED = 1_000_003  # mixed into the seeds of held-out clips
# like a camera's optics: without it, photographs made this small alias
LENS = 0.6  # standard deviation of the blur in pixels
DEPTH = 0.8  # the same for backgrounds, which are out of focus


@dataclass(frozen=True, slots=True, eq=False)
class VideoClip:
    """A clip with its labels.

    `frames` is uint8 (frames, size, size, 3); `tracks` float32 (objects, frames, 2), x and y of
    each object's center in [0, 1], in the order of `caption`; `masks` uint8 (objects, frames, size,
    size) is the coverage of each pixel, 255 for all of it.
    """

    frames: Pixels
    masks: Pixels
    tracks: Floats
    caption: str
    kinds: tuple[str, ...]
    motions: tuple[str, ...]
    background: str


@dataclass(frozen=True, slots=True, eq=False)
class ComposedObject:
    """An object as premultiplied RGBA at its final size, and its path."""

    kind: str
    sprite: Image.Image
    track: ObjectPath


def compose(
    pictures: Photographs,
    seed: int,
    *,
    size: int,
    frames: int,
    held_out: bool = False,
    varied: bool = True,
) -> VideoClip:
    """Return clip `seed`, `size` pixels square, with one object, or two in a third of the clips.

    Unless `varied`, each kind has one photograph and one size, and is not mirrored.
    """
    rng = np.random.default_rng([seed, HELD_OUT_SEED] if held_out else [seed])
    background = str(rng.choice(list(BACKGROUNDS)))
    count = 2 if rng.random() < 0.33 else 1
    kinds = tuple(str(kind) for kind in rng.choice(list(KINDS), count, replace=False))
    things = [
        _thing(pictures, rng, kind, size, frames, held_out=held_out, varied=varied)
        for kind in kinds
    ]
    motions = tuple(thing.track.motion for thing in things)
    ground = backdrop(pictures, rng, background, size, held_out=held_out)
    shown, masks = composite(ground, things)
    return VideoClip(
        shown,
        masks,
        np.stack([thing.track.points for thing in things]),
        caption(rng, kinds, motions, background),
        kinds,
        motions,
        background,
    )


def _thing(
    pictures: Photographs,
    rng: np.random.Generator,
    kind: str,
    size: int,
    frames: int,
    *,
    held_out: bool,
    varied: bool,
) -> ComposedObject:
    names = instances(kind, held_out=held_out)
    photograph = pictures.objects[str(rng.choice(names)) if varied else names[0]]
    height, width = photograph.shape[:2]
    # the same area for any shape, but not wider than most of the frame
    area = rng.uniform(0.34, 0.42) if varied else 0.4
    share = size * min(area / (height * width) ** 0.5, 0.6 / max(height, width))
    height, width = (max(2, round(side * share)) for side in (height, width))
    sprite = Image.fromarray(photograph, "RGBa").resize((width, height), Image.Resampling.LANCZOS)
    if varied and rng.random() < 0.5:
        sprite = sprite.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return ComposedObject(kind, sprite, draw(rng, frames))


def backdrop(
    pictures: Photographs, rng: np.random.Generator, name: str, size: int, *, held_out: bool
) -> Floats:
    """Return background `name`, cropped at random: float32 (size, size, 3) in [0, 255]."""
    ground = BACKGROUNDS[name]
    tint = np.array(ground.tint, np.float32)
    if ground.picture is None:
        shade = np.linspace(rng.uniform(-0.07, 0.0), rng.uniform(0.0, 0.07), size)
        flat = tint + shade[:, None, None] + np.zeros((size, size, 3))
        return np.clip(flat * 255, 0, 255).astype(np.float32)
    photograph = pictures.grounds[name]
    height, width = photograph.shape[:2]
    side = round(height * ground.crop * rng.uniform(0.85, 1.0))
    border = round(width * 0.68)
    # the right third is for held-out clips; wider crops cross the border
    left, right = (min(border, width - side), width - side) if held_out else (0, border - side)
    x = int(rng.integers(left, max(left, right) + 1))
    y = int(rng.integers(0, height - side + 1))
    cut = Image.fromarray(photograph).resize(
        (size, size), Image.Resampling.LANCZOS, (x, y, x + side, y + side)
    )
    return np.asarray(_soften(cut, DEPTH), np.float32) * tint


def _soften(picture: Image.Image, deviation: float) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(deviation))


def composite(ground: Floats, things: list[ComposedObject]) -> tuple[Pixels, Pixels]:
    """Return the frames, and the masks of the things; a later thing is in front."""
    size = len(ground)
    frames = len(things[0].track.points)
    shown = np.repeat(ground[None], frames, 0)
    masks = np.zeros((len(things), frames, size, size), np.uint8)
    for index, thing in enumerate(things):
        for frame, point in enumerate(thing.track.points):
            box, placed = _placed(thing.sprite, point * size, size)
            alpha = placed[..., 3:] / 255
            shown[frame][box] = shown[frame][box] * (1 - alpha) + placed[..., :3]
            masks[index, frame][box] = placed[..., 3]
    sharp = np.clip(np.rint(shown), 0, 255).astype(np.uint8)
    return np.stack([np.asarray(_soften(Image.fromarray(frame), LENS)) for frame in sharp]), masks


def _placed(sprite: Image.Image, middle: Floats, size: int) -> tuple[tuple[slice, slice], Floats]:
    """Return the position of `sprite` centered at `middle` pixels, and its float32 RGBA there."""
    corner = middle - np.array(sprite.size) / 2
    whole = np.floor(corner).astype(int)
    part = corner - whole
    wide, high = sprite.width + 1, sprite.height + 1
    # a transparent edge, or resampling repeats the outermost pixels
    padded = Image.new("RGBa", (wide + 2, high + 2))
    padded.paste(sprite, (1, 1))
    moved = padded.transform(
        (wide + 1, high + 1),
        Image.Transform.AFFINE,
        (1, 0, 1 - part[0], 0, 1, 1 - part[1]),
        Image.Resampling.BICUBIC,
    )
    left, top = max(0, whole[0]), max(0, whole[1])
    right, bottom = min(size, whole[0] + wide), min(size, whole[1] + high)
    cut = moved.crop((left - whole[0], top - whole[1], right - whole[0], bottom - whole[1]))
    return (slice(top, bottom), slice(left, right)), np.asarray(cut, np.float32)

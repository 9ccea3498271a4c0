"""The backgrounds of the composed clips: plain walls, photographs, textures, drawn ones.

Training clips show the left of a picture, held-out clips its right.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Background:
    """A background: its names in captions, and where its picture is, or None for a plain color.

    `picture` is a package and a file in it, or `drawn` and a drawing of `drawn_grounds`. `crop` is
    the width of what is shown as a share of the picture's height; `tint` is RGB, which multiplies
    the picture or fills the frame with RGB in [0, 1].
    """

    names: tuple[str, ...]
    picture: tuple[str, str] | None
    crop: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


def _wall(color: str, red: float, green: float, blue: float) -> Background:
    names = (f"a {color} wall", f"a {color} background")
    return Background(names, None, tint=(red, green, blue))


BACKGROUNDS: dict[str, Background] = {
    "white": _wall("white", 0.93, 0.93, 0.91),
    "blue": _wall("blue", 0.25, 0.42, 0.78),
    "yellow": _wall("yellow", 0.93, 0.80, 0.30),
    "red": _wall("red", 0.72, 0.20, 0.18),
    "green": _wall("green", 0.30, 0.58, 0.33),
    "grey": _wall("grey", 0.52, 0.53, 0.55),
    "black": _wall("black", 0.10, 0.10, 0.12),
    "pink": _wall("pink", 0.93, 0.62, 0.72),
    "grass": Background(("grass", "a lawn", "a meadow"), ("mate", "nature/GreenMeadow.jpg"), 0.45),
    "leaf": Background(("a green leaf", "a big leaf"), ("mate", "nature/Blinds.jpg"), 0.7),
    "reeds": Background(("reeds by the sea", "dune grass"), ("mate", "nature/Dune.jpg"), 0.85),
    "petals": Background(("red petals", "orange petals"), ("mate", "nature/FreshFlower.jpg"), 0.7),
    "storm": Background(
        ("a stormy sky", "a road under dark clouds"), ("mate", "nature/Storm.jpg"), 0.85
    ),
    "planks": Background(
        ("wood", "wooden planks"), ("mate", "nature/Wood.jpg"), 0.6, (0.80, 0.56, 0.38)
    ),
    "bricks": Background(
        ("bricks", "a brick wall"), ("skimage", "brick.png"), 0.35, (0.95, 0.55, 0.42)
    ),
    "gravel": Background(
        ("gravel", "pebbles"), ("skimage", "gravel.png"), 0.13, (0.98, 0.86, 0.66)
    ),
    "stars": Background(("stars", "the night sky"), ("skimage", "hubble_deep_field.jpg"), 0.25),
    "snow": Background(("snow", "a snowy field"), ("etr", "terrains/snow01.png"), 0.5),
    "ice": Background(("ice",), ("etr", "terrains/ice.png"), 0.7, (0.72, 0.9, 1.0)),
    "sand": Background(("sand",), ("etr", "terrains/sand01.png"), 0.55, (1.2, 1.08, 0.84)),
    "soil": Background(("soil", "dirt"), ("etr", "terrains/dirt01.png"), 0.6),
    "stones": Background(("stones",), ("etr", "terrains/pebbles01.png"), 0.6),
    "stone wall": Background(("a stone wall",), ("etr", "terrains/pave01.png"), 0.6),
    "mountains": Background(
        ("mountains", "snowy mountains"), ("etr", "env/etr/sunny/frontH.png"), 0.9
    ),
    "night mountains": Background(
        ("mountains at night",), ("etr", "env/tuxracer/night/front.png"), 0.9
    ),
    "autumn": Background(
        ("autumn leaves", "fallen leaves"), ("gimp", "patterns/leaves4.pat"), 0.42
    ),
    "ivy": Background(("ivy", "ivy leaves"), ("gimp", "patterns/leaves6.pat"), 0.42),
    "cracked earth": Background(
        ("cracked earth", "dry ground"), ("gimp", "patterns/drymud.pat"), 0.45
    ),
    "reef": Background(("a coral reef",), ("tuxpaint", "starters/reef-back.png"), 0.9),
    "sunset": Background(
        ("a sunset", "an evening sky"), ("tuxpaint", "starters/skyline-sf-dusk-back.jpeg"), 0.9
    ),
    "sky": Background(("a blue sky", "clouds"), ("drawn", "sky"), 0.6),
    "water": Background(("water", "the sea"), ("drawn", "water"), 0.6),
}

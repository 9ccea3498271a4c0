"""Objects and backgrounds of the composed clips, and their photographs.

Held-out photographs are in no training clip; a kind with few photographs uses all of them for
training. Backgrounds are cropped from the left of a photograph for training, and from its right
for held-out clips.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object: its names in captions, and its photographs (below `stamps/`)."""

    names: tuple[str, ...]
    train: tuple[str, ...]
    held_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Background:
    """A background: its names in captions, and its photograph, or None for a plain color.

    `crop` is the width of the crop as a share of the photograph's height; `tint` is RGB in [0, 1],
    which multiplies the photograph or fills the frame.
    """

    names: tuple[str, ...]
    picture: str | None
    crop: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


KINDS: dict[str, Kind] = {
    "apple": Kind(
        ("apple",),
        ("food/fruit/apple_red", "food/fruit/apple_green", "food/fruit/apple_sierra_beauty"),
        ("food/fruit/apple_fuji", "food/fruit/apple_granny_smith"),
    ),
    "orange": Kind(
        ("orange", "mandarin"),
        ("food/fruit/mandarine", "food/fruit/orange_seville"),
        ("food/fruit/orange",),
    ),
    "strawberry": Kind(
        ("strawberry", "berry"), ("food/fruit/strawberry", "food/fruit/Strawberry2")
    ),
    "mushroom": Kind(
        ("mushroom", "toadstool"),
        ("plants/mushrooms/cep", "plants/mushrooms/cep-1"),
        ("plants/mushrooms/cep-2",),
    ),
    "flower": Kind(
        ("flower", "blossom", "bloom"),
        (
            "plants/flowers/flower8",
            "plants/flowers/flower9",
            "plants/flowers/anemone_red",
            "plants/flowers/adeenia",
        ),
        ("plants/flowers/flower10",),
    ),
    "rabbit": Kind(
        ("rabbit", "bunny", "hare"),
        ("animals/mammals/rodents/rabbit", "animals/mammals/rodents/rabbit-2"),
        ("animals/mammals/rabbit_little",),
    ),
    "frog": Kind(("frog", "toad"), ("animals/amphibians/frog", "animals/amphibians/frog-1")),
    "duck": Kind(("duck", "mallard"), ("animals/birds/duck", "animals/birds/drake")),
    "penguin": Kind(
        ("penguin",),
        ("animals/birds/penguin", "animals/birds/magellanic_penguin"),
        ("animals/birds/little-penguin",),
    ),
    "owl": Kind(("owl", "white owl"), ("animals/birds/owl",)),
    "cow": Kind(
        ("cow", "cattle"),
        ("animals/mammals/bovines/cow", "animals/mammals/bovines/cow_white"),
        ("animals/mammals/bovines/zebu",),
    ),
    "pig": Kind(
        ("pig", "hog"),
        ("animals/mammals/pig", "animals/mammals/pig_golden"),
        ("animals/mammals/pig_golden2",),
    ),
    "tiger": Kind(
        ("tiger", "big cat"),
        ("animals/mammals/cats/tiger", "animals/mammals/cats/tiger_sumatran"),
    ),
    "elephant": Kind(("elephant",), ("animals/mammals/elephant",)),
    "zebra": Kind(("zebra",), ("animals/mammals/equines/zebra",)),
    "fish": Kind(
        ("fish", "tropical fish"),
        ("animals/fish/butterflyfish", "animals/fish/bluegroper", "animals/fish/clownfish"),
        ("animals/fish/stripedfish",),
    ),
    "football": Kind(("football", "soccer ball"), ("sports/soccer",)),
    "basketball": Kind(("basketball",), ("sports/basketball",)),
    "car": Kind(
        ("car", "automobile"),
        ("vehicles/auto/beetle", "vehicles/auto/sedan", "vehicles/auto/sportscar2"),
        ("vehicles/auto/truck",),
    ),
    "balloon": Kind(("balloon", "hot air balloon"), ("vehicles/flight/balloon360",)),
}

BACKGROUNDS: dict[str, Background] = {
    "white": Background(("a white wall", "a white background"), None, tint=(0.93, 0.93, 0.91)),
    "blue": Background(("a blue wall", "a blue background"), None, tint=(0.25, 0.42, 0.78)),
    "yellow": Background(("a yellow wall", "a yellow background"), None, tint=(0.93, 0.80, 0.30)),
    "grass": Background(("grass", "a lawn", "a meadow"), "mate/nature/GreenMeadow.jpg", 0.45),
    "leaf": Background(("a green leaf", "a big leaf"), "mate/nature/Blinds.jpg", 0.7),
    "reeds": Background(("reeds by the sea", "dune grass"), "mate/nature/Dune.jpg", 0.85),
    "petals": Background(("red petals", "orange petals"), "mate/nature/FreshFlower.jpg", 0.7),
    "storm": Background(
        ("a stormy sky", "a road under dark clouds"), "mate/nature/Storm.jpg", 0.85
    ),
    "planks": Background(("wood", "wooden planks"), "mate/nature/Wood.jpg", 0.6),
    "bricks": Background(
        ("bricks", "a brick wall"), "skimage/brick.png", 0.35, tint=(0.95, 0.55, 0.42)
    ),
    "gravel": Background(
        ("gravel", "pebbles"), "skimage/gravel.png", 0.13, tint=(0.98, 0.86, 0.66)
    ),
    "stars": Background(("stars", "the night sky"), "skimage/hubble_deep_field.jpg", 0.25),
}


def instances(kind: str, *, held_out: bool) -> tuple[str, ...]:
    """Return the photographs of `kind` for training or held-out clips.

    A kind without held-out photographs shows the training ones in held-out clips too.
    """
    known = KINDS[kind]
    return (known.held_out or known.train) if held_out else known.train

"""The kinds of things in the composed clips, and their pictures.

A line of the table is a kind: its names in captions, its emoji, and its photographs below
`stamps/`. After a code come the ways that the emoji of Noto, Fluent and Twemoji face, after a
photograph its own: `<` left, `>` right, `-` none, `x` leaves the picture out. Twemoji's are held
out: they are in no training clip.
"""

from dataclasses import dataclass
from typing import Literal

Source = Literal["noto", "fluent", "twemoji", "stamps"]
EMOJI: tuple[Source, ...] = ("noto", "fluent", "twemoji")
HELD_OUT: Source = "twemoji"

MAMMALS = """
cat/kitten | 1f408 <<< |
dog/puppy | 1f415 <<< | animals/mammals/dogs/dog >
fox | 1f98a --- | animals/mammals/dogs/fox <
tiger/big cat | 1f405 <<< | animals/mammals/cats/tiger <
lion | 1f981 --- | animals/mammals/cats/lion-2 <
leopard | 1f406 <<< |
horse/pony | 1f40e <<< | animals/mammals/equines/horse >
zebra | 1f993 <<< | animals/mammals/equines/zebra <
cow/cattle | 1f404 <<< | animals/mammals/bovines/cow >
pig/hog | 1f416 <<< | animals/mammals/pig >, animals/mammals/pig_golden <
rabbit/bunny/hare | 1f407 <<< | animals/mammals/rodents/rabbit >, animals/mammals/rodents/rabbit-2 <
sheep/lamb | 1f411 <<< |
goat | 1f410 <<< | animals/mammals/bovines/goat <
deer | 1f98c <<- | animals/mammals/deer/doe >
elephant | 1f418 <<< | animals/mammals/elephant <
rhinoceros/rhino | 1f98f <<< |
hippopotamus/hippo | 1f99b <<< | animals/mammals/hippopotamus <
giraffe | 1f992 <<< | animals/mammals/giraffe >
camel | 1f42a <<< | animals/mammals/camel/camel <, animals/mammals/camel/dromedary >
bear | 1f43b --- | animals/mammals/bears/bear >, animals/mammals/bears/european-bear >
panda | 1f43c --- |
koala | 1f428 --- | animals/marsupials/koala -
monkey/ape | 1f412 <<< |
kangaroo | 1f998 <<< | animals/marsupials/kangaroo >
squirrel | 1f43f <<< | animals/mammals/rodents/squirrel <
mouse | 1f401 <<< |
hedgehog | 1f994 <<- |
"""
OTHER_ANIMALS = """
duck/mallard | 1f986 <<< | animals/birds/duck >, household/rubberduck >
swan | 1f9a2 <<< |
penguin | 1f427 <-> | animals/birds/penguin >, animals/birds/magellanic_penguin >
owl/white owl | 1f989 --- | animals/birds/owl -
rooster/hen/chicken | 1f413 <<< | animals/birds/rooster >, animals/birds/hen >
chick | 1f425 --- |
flamingo | 1f9a9 <<< |
parrot | 1f99c <<< | animals/birds/rainbow-lorikeet <
dove | 1f54a <<< |
bird | 1f426 <<< | animals/birds/lark >
fish/tropical fish | 1f41f <<<, 1f420 <<< | animals/fish/butterflyfish >
shark | 1f988 <<< |
whale | 1f40b <<< |
dolphin | 1f42c <<< |
octopus | 1f419 --- |
crab | 1f980 --- |
lobster | 1f99e --- |
frog/toad | 1f438 --- | animals/amphibians/frog >
turtle/tortoise | 1f422 <<< |
snake | 1f40d <<< |
dinosaur | 1f996 <<< |
dragon | 1f409 <<< |
snail | 1f40c <<< |
butterfly | 1f98b --- |
bee | 1f41d <<- |
ladybird/ladybug | 1f41e --- |
"""
VEHICLES = """
car/automobile | 1f697 <<< | vehicles/auto/beetle <, vehicles/auto/sedan >
taxi | 1f695 <<< |
truck/lorry | 1f69a <<<, 1f69b <<< | vehicles/auto/truck >
bus | 1f68c <xx | vehicles/masstransit/green_korean_bus <
tractor | 1f69c <<< |
fire engine/fire truck | 1f692 <<< | vehicles/emergency/firetruck <
ambulance | 1f691 <<< |
police car | 1f693 <<< |
bicycle/bike | 1f6b2 <<< |
motorcycle/motorbike | 1f3cd <<< |
scooter | 1f6f5 <<< |
train/locomotive | 1f682 <<< |
airplane/plane | 2708 >>> | vehicles/flight/planes/747 <
helicopter | 1f681 <<< |
rocket | 1f680 >>> |
ufo/flying saucer | 1f6f8 --- |
sailboat/boat | 26f5 -xx |
ship | 1f6a2 -<- |
balloon | 1f388 --- |
hot air balloon | | vehicles/flight/balloon360 -
"""
FOOD_AND_PLANTS = """
apple | 1f34e --- | food/fruit/apple_red -, food/fruit/apple_green -
pear | 1f350 --- |
orange/mandarin | 1f34a --- | food/fruit/mandarine -
lemon | 1f34b --- | food/fruit/lemon -
strawberry/berry | 1f353 --- | food/fruit/Strawberry2 -
cherry | 1f352 --- | food/fruit/Cherry_Stella -
banana | 1f34c --- |
pineapple | 1f34d --- | food/fruit/pineapple -
watermelon | 1f349 --- |
grape | 1f347 --- |
tomato | 1f345 --- | food/vegetables/tomato -
carrot | 1f955 --- |
pumpkin | 1f383 --- | seasonal/halloween/jackolantern_mean -
pizza | 1f355 --- |
hamburger/burger | 1f354 --- |
cake | 1f382 --- |
ice cream | 1f366 --- |
donut | 1f369 --- |
mushroom/toadstool | 1f344 --- | plants/mushrooms/cep -
flower/blossom/bloom | 1f33c ---, 1f33b --- | plants/flowers/flower8 -, plants/flowers/adeenia -
rose | 1f339 --- |
tulip | 1f337 --- |
tree | 1f333 --- | plants/trees/tree336 -
palm | 1f334 --- |
cactus | 1f335 --- |
"""
OTHER_THINGS = """
football/soccer ball | 26bd --- | sports/soccer -
basketball | 1f3c0 --- | sports/basketball -
ball | 1f534 --- |
teddy bear/teddy | 1f9f8 --- |
robot | 1f916 --- |
snowman | 26c4 --- |
ghost | 1f47b --- |
person/man | 1f6b6 <<< |
astronaut | 1f9d1-200d-1f680 --x | space/spacewalk -
cup/mug | 2615 --x | household/dishes/mug -
teapot | 1fad6 --- |
book | 1f4d5 --- |
guitar | 1f3b8 --- | hobbies/music/string/guitar_classical -
drum | 1f941 --- |
hat/top hat | 1f3a9 --- | clothes/hats/tophat -
shoe/sneaker | 1f45f --- |
dress | 1f457 --- |
umbrella | 2602 --- |
clock/alarm clock | 23f0 --- |
camera | 1f4f7 --- | hobbies/camera_35mm -
key | 1f511 --- |
light bulb | 1f4a1 --- |
crown | 1f451 --- |
star | 2b50 --- |
heart | 2764 --- |
house | 1f3e0 --- |
"""


@dataclass(frozen=True, slots=True)
class KindPicture:
    """A picture of a kind: the code of an emoji or the name of a photograph, and its way."""

    source: Source
    name: str
    faces: Literal["left", "right", ""]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing: its names in captions, and its pictures for training and held out."""

    names: tuple[str, ...]
    train: tuple[KindPicture, ...]
    held_out: tuple[KindPicture, ...]


_WAYS: dict[str, Literal["left", "right", ""]] = {"<": "left", ">": "right", "-": ""}


def _kind(line: str) -> Kind:
    names, emoji, photographs = (part.strip() for part in line.split("|"))
    pictures = []
    for photograph in filter(None, photographs.split(", ")):
        name, mark = photograph.split()
        pictures.append(KindPicture("stamps", name, _WAYS[mark]))
    for each in filter(None, emoji.split(", ")):
        code, marks = each.split()
        pictures += [
            KindPicture(source, code, _WAYS[mark])
            for source, mark in zip(EMOJI, marks, strict=True)
            if mark != "x"
        ]
    return Kind(
        tuple(names.split("/")),
        tuple(picture for picture in pictures if picture.source != HELD_OUT),
        tuple(picture for picture in pictures if picture.source == HELD_OUT),
    )


_KINDS = [
    _kind(line)
    for table in (MAMMALS, OTHER_ANIMALS, VEHICLES, FOOD_AND_PLANTS, OTHER_THINGS)
    for line in table.strip().splitlines()
]
KINDS: dict[str, Kind] = {kind.names[0]: kind for kind in _KINDS}

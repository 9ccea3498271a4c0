"""Vocabularies to read prompts with: the shipped model's, a small one, and another large one."""

from models.generation.small.info import read_info
from models.generation.small.loading import find_files
from models.generation.small.prompts.reading import PromptReading
from models.generation.small.prompts.vocabulary import Vocabulary

SHIPPED = read_info(find_files().dit).vocabulary
SMALL_KINDS = (
    "apple, orange/mandarin, strawberry/berry, mushroom/toadstool, flower/blossom/bloom, "
    "rabbit/bunny/hare, frog/toad, duck/mallard, penguin, owl/white owl, cow/cattle, pig/hog, "
    "tiger/big cat, elephant, zebra, fish/tropical fish, football/soccer ball, basketball, "
    "car/automobile, balloon"
)
SMALL_BACKGROUNDS = (
    "a white wall/a white background, a blue wall/a blue background, "
    "a yellow wall/a yellow background, grass/a lawn/a meadow, a green leaf/a big leaf, "
    "reeds by the sea/dune grass, red petals/orange petals, "
    "a stormy sky/a road under dark clouds, wood/wooden planks, bricks/a brick wall, "
    "gravel/pebbles, stars/the night sky"
)
KINDS = (
    "cat/kitten, dog/puppy, rabbit/bunny/hare, mouse/rat, horse/pony, cow/bull, pig/hog, "
    "sheep/lamb, goat, camel, elephant, rhinoceros/rhino, giraffe, zebra, lion, tiger/big cat, "
    "leopard, bear, panda, monkey/ape, gorilla, kangaroo, squirrel/chipmunk, hedgehog, bat, "
    "turtle/tortoise, snake, lizard/gecko, crocodile/alligator, frog/toad, dinosaur/t rex, whale, "
    "dolphin, fish/tropical fish, shark, octopus, crab, snail, butterfly, bee/wasp, "
    "ladybird/ladybug/beetle, spider, duck/mallard, swan/goose, owl, penguin, parrot, flamingo, "
    "rooster/hen/chicken, eagle/hawk, chick, car/automobile, bus, truck/lorry, tractor, "
    "fire engine/fire truck, bicycle/bike, motorcycle/motorbike, train/locomotive, "
    "airplane/plane/aeroplane, helicopter, rocket, ufo/flying saucer, sailboat/boat, ship/ferry, "
    "balloon, football/soccer ball, basketball, apple, banana, orange/mandarin, strawberry/berry, "
    "watermelon, pineapple, carrot, mushroom/toadstool, pizza, hamburger/burger, cake, "
    "cup/mug/coffee cup, book, guitar, umbrella, hat/top hat, shoe/sneaker, clock/alarm clock, "
    "camera, key, star, heart, tree, flower/sunflower/blossom, cactus, house, snowman, robot, "
    "ghost, teddy bear/teddy, astronaut, person/man/woman, chair, bird"
)
BACKGROUNDS = (
    "a white wall/a white background, a blue wall/a blue background, a red wall, "
    "a grey wall/a gray wall, grass/a lawn/a meadow, a green leaf/a big leaf, "
    "reeds by the sea/dune grass, red petals/orange petals, "
    "a stormy sky/a road under dark clouds, wood/wooden planks, bricks/a brick wall, "
    "gravel/pebbles, stars/the night sky, a blue sky/the sky/clouds, a forest/the woods, "
    "autumn leaves/fallen leaves, a sunset/the evening sky, a lake at dusk, "
    "mountains, rocks/a brook, sand/a desert, snow/a snowy field, the moon/craters"
)


def groups(listed: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(names.split("/")) for names in listed.split(", "))


def names(listed: str) -> list[str]:
    return [name for group in groups(listed) for name in group]


SMALL = Vocabulary.from_names(names(SMALL_KINDS), names(SMALL_BACKGROUNDS))
LARGER = Vocabulary.from_names(
    names(KINDS),
    names(BACKGROUNDS),
    colors=("red", "orange", "yellow", "green", "blue", "purple"),
    sizes=("small", "large"),
    colored=("cat", "car", "horse", "bird"),
    mark=" #fluent",
)


def unknown(reading: PromptReading, kind: str = "") -> list[str]:
    """Return what a reading does not know, of one kind or of all."""
    return [part.text for part in reading.unknown if kind in ("", part.kind)]

"""Which of the known names a question is about: `my mug` asks about a cup.

Matching is by words, longest name first; a plural s is forgiven. What no list knows matches
nothing, and the answerer then goes by time alone.
"""

import re
from dataclasses import dataclass

from models.vision.class_names import DETAILS, NAMES, SPOKEN

# Other words for a name of `NAMES`.
SYNONYMS = {
    "mug": "cup", "teacup": "cup", "couch": "sofa", "settee": "sofa", "tv": "screen",
    "television": "screen", "monitor": "screen", "bike": "bicycle", "motorbike": "motorcycle",
    "cellphone": "phone", "mobile": "phone", "smartphone": "phone", "telephone": "phone",
    "notebook computer": "laptop", "automobile": "car", "lorry": "truck", "aeroplane": "plane",
    "airplane": "plane", "puppy": "dog", "kitten": "cat", "kitty": "cat", "hen": "chicken",
    "cattle": "cow", "bull": "cow", "pony": "horse", "hog": "pig", "refrigerator": "fridge",
    "pot plant": "plant pot", "flowerpot": "plant pot", "vessel": "boat", "spectacles": "glasses",
    "trash can": "bin", "rucksack": "backpack", "purse": "handbag", "frying pan": "pan",
    "pencil": "pen", "ballpoint": "pen", "cellular phone": "phone", "ladybird": "ladybug",
    "dandelion": "flower", "marigold": "flower", "rose": "flower", "tulip": "flower",
    "sunflower": "flower", "blossom": "flower", "hill": "mountain", "saucepan": "pan",
    "skillet": "pan", "necktie": "tie", "trainer": "shoe", "sneaker": "shoe", "cap": "hat",
    "jacket": "coat", "cabinet": "cupboard", "colander": "strainer", "vacuum cleaner": "vacuum",
    "hair dryer": "hairdryer", "teddy": "teddy bear", "football": "ball", "basketball": "ball",
    "notebook": "binder", "coffee mug": "cup", "picture book": "book", "spade": "shovel",
}  # fmt: skip
PERSON_WORDS = frozenset(
    {
        "person", "people", "persons", "anyone", "anybody", "someone", "somebody", "man", "men",
        "woman", "women", "boy", "girl", "child", "children", "human", "humans", "who", "whom",
        "us", "guy", "face", "visitor", "guest",
    }
)  # fmt: skip
# Words for kinds, as ranges of ImageNet's classes, and names.
KINDS: dict[str, tuple[range, tuple[str, ...]]] = {
    "animal": (range(398), ()),
    "pet": (range(151, 286), ("dog", "cat", "rabbit", "hamster")),
    "bird": (range(7, 25), ("parrot", "duck", "swan", "penguin", "owl", "heron", "stork")),
    "insect": (range(300, 327), ()),
    "fruit": (range(948, 958), ()),
    "food": (range(923, 970), ()),
    "vehicle": (range(0), ("car", "bus", "truck", "bicycle", "motorcycle", "train", "tram",
                           "taxi", "van", "tractor", "ambulance")),
    "furniture": (range(0), ("chair", "table", "sofa", "bed", "desk", "bench", "bookcase",
                             "cupboard", "stool")),
    "instrument": (range(0), ("guitar", "piano", "violin", "drum", "flute", "saxophone",
                              "trombone", "accordion", "harp", "cello")),
    "ball": (range(0), ("ball",)),
    "building": (range(0), ("house", "palace", "castle", "church", "mosque", "monastery", "library",
                            "tower", "barn", "prison", "cinema", "planetarium", "greenhouse",
                            "restaurant", "shop", "dome", "boathouse", "stupa", "obelisk")),
    "big cat": (range(286, 294), ()),
    "reptile": (range(33, 69), ()),
    "tool": (range(0), ("hammer", "screwdriver", "drill", "plane", "shovel", "hatchet", "nail",
                        "screw", "pick", "corkscrew", "can opener", "chain saw", "ruler")),
    "toy": (range(0), ("teddy bear", "ball", "jigsaw puzzle", "balloon", "pinwheel")),
    "clothes": (range(0), ("shirt", "coat", "sweater", "dress", "skirt", "jeans", "suit", "sock",
                           "hat", "shoe", "glove", "tie", "pajama", "kimono", "cloak", "poncho")),
    "vegetable": (range(936, 947), ("cabbage", "broccoli", "cauliflower", "zucchini", "corn")),
    "weapon": (range(0), ("rifle", "assault rifle", "revolver", "cannon", "knife", "bow")),
    "computer": (range(0), ("computer", "laptop", "keyboard", "screen", "hand-held computer")),
}  # fmt: skip


# A question that begins so asks whether; any other takes for granted that the thing was seen.
WHETHER = frozenset(
    {
        "is", "are", "was", "were", "do", "does", "did", "have", "has", "can", "could", "any",
        "isn't", "aren't", "didn't", "haven't",
    }
)  # fmt: skip


PRESENT = frozenset({"is", "are", "do", "does", "can", "isn't", "aren't"})
ORDER = frozenset({"before", "after", "next", "previous", "previously", "following"})
# What a question may name that is not a thing in the video.
NOT_THINGS = frozenset(
    {
        "picture", "video", "room", "screen", "camera", "view", "thing", "things", "time", "moment",
        "first", "last", "colour", "color", "background", "front", "begin", "beginning",
        "end", "middle", "left", "right", "same", "way", "lot", "minute", "hour", "scene",
    }
)  # fmt: skip
STAGE = re.compile(r"\b(?:in|on) (?:the|my|your) (?:screen|hand|hands|desk|table)\b(?=[?.! ]*$)")
NOUN = re.compile(
    r"\b(?:an?|any|my|the|your) ([a-z'-]+(?: [a-z'-]+)??)"
    r"(?= (?:in|on|at|now|here|there|before|after|first|last|again|yet|so|with|or|and|was|is|come|"
    r"came|appear|go|leave)\b|[?.!,;]|$)"
)


@dataclass(frozen=True, slots=True)
class Thing:
    """A word of a question, and the columns of `NAMES` that it stands for, none if unknown."""

    word: str
    names: frozenset[int]


@dataclass(frozen=True, slots=True)
class About:
    """What a question is about: columns of `NAMES`, and whether it is about persons.

    `things` are its known words in order, with the columns of each. `whether` tells a question
    that wants a yes or a no, `present` one about now, `order` one for what came before or after.
    """

    names: frozenset[int]
    persons: bool
    things: tuple[Thing, ...] = ()
    whether: bool = False
    order: bool = False
    present: bool = False


def about(question: str) -> About:
    """Return which known names `question` is about."""
    words = _words(STAGE.sub("", question.lower()))
    first = words[0] if words else ""
    found: dict[int, Thing] = {}
    for count in (4, 3, 2, 1):  # the longest name first; its words are then used up
        for at in range(len(words) - count + 1):
            phrase = " ".join(words[at : at + count])
            columns = _columns(phrase)
            if columns:
                found[at] = Thing(phrase, frozenset(columns))
                words[at : at + count] = [""] * count
    for at, thing in list(found.items()):  # an orange cup is a cup
        if thing.word == "orange" and at + 1 in found:
            del found[at]
    names = frozenset[int]().union(*(thing.names for thing in found.values()))
    persons = any(word in PERSON_WORDS for word in words)
    things = tuple(found[at] for at in sorted(found))
    if not things and not persons:
        things = _unknown(question)
    return About(
        names,
        persons,
        things,
        whether=first in WHETHER,
        order=not ORDER.isdisjoint(words),
        present=first in PRESENT,
    )


def named(phrase: str) -> frozenset[int]:
    """Return the columns of the name or kind that all of `phrase` is, none if it is no name."""
    return frozenset(_columns(" ".join(_words(phrase))))


def plain(question: str) -> str:
    """Return `question` without marks such as `<|im_end|>`, which would end the turn."""
    return re.sub(r"<\|\w*\|>", "", question)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z'-]+", text.lower())


def _unknown(question: str) -> tuple[Thing, ...]:
    """Return the first thing that `question` seems to name, though the eyes do not know it."""
    for match in NOUN.finditer(question.lower()):
        if not NOT_THINGS & set(match[1].split()):
            return (Thing(match[1], frozenset()),)
    return ()


def _columns(phrase: str) -> set[int]:
    for form in _singular(phrase):
        both = _BY_NAME.get(form, set()) | _BY_NAME.get(SYNONYMS.get(form, ""), set())
        if both:
            return both
    return set()


def _singular(phrase: str) -> list[str]:
    forms = [phrase]
    if phrase.endswith("ies"):
        forms.append(phrase[:-3] + "y")
    if phrase.endswith("es"):
        forms.append(phrase[:-2])
    if phrase.endswith("s") and not phrase.endswith("ss"):
        forms.append(phrase[:-1])
    return forms


def _by_name() -> dict[str, set[int]]:
    table: dict[str, set[int]] = {}
    for kind, (classes, names) in KINDS.items():
        spoken = [SPOKEN[index] for index in classes]
        table[kind] = {NAMES.index(name) for name in (*spoken, *names) if name in NAMES}
    for spoken_name, detail in zip(SPOKEN, DETAILS, strict=True):
        column = NAMES.index(spoken_name)
        for form in (spoken_name, detail.lower()):
            table.setdefault(form, set()).add(column)
    return table


_BY_NAME = _by_name()

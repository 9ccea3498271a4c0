"""What a made-up log shows, as the makers of questions need it, and how things are said."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from models.qa.moments import COUNTS, MANY, Moment

COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey",
)  # fmt: skip
PLACES = {"left": "On the left", "right": "On the right", "middle": "In the middle"}
COMMON = (
    "cup", "bottle", "book", "phone", "chair", "table", "dog", "cat", "ball", "apple", "banana",
    "orange", "hat", "shoe", "pen", "laptop", "keyboard", "box", "bowl", "plate", "spoon", "knife",
    "clock", "lamp", "sofa", "bed", "bag", "umbrella", "car", "bicycle", "bus", "flower", "plant",
    "tree", "bird", "fish", "horse", "cow", "sheep", "scissors", "pencil", "key", "glasses", "toy",
    "door", "window", "house", "street", "mountain", "lake", "beach", "picture", "letter", "coat",
    "guitar", "camera", "person",
)  # fmt: skip
KINDS = {
    "animal": "dog,cat,horse,cow,sheep,bird,fish,monkey,lion,tiger,bear,elephant,fox,wolf,rabbit",
    "fruit": "apple,banana,orange,lemon,strawberry,pineapple,fig,pomegranate",
    "vehicle": "car,bus,truck,bicycle,motorcycle,train,tram,taxi,van",
    "piece of furniture": "chair,table,sofa,bed,desk,bench,bookcase",
    "musical instrument": "guitar,piano,violin,drum,flute,trombone,accordion,harp",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer; `kind` says what it tests."""

    kind: str
    ask: str
    answer: str


def thing_of(rng: random.Random, pool: Sequence[str]) -> str:
    """Return the name of a thing, one in three a common one."""
    return rng.choice(COMMON) if rng.random() < 0.35 else rng.choice(pool)


class World:
    """What a log shows, as an answerer needs it."""

    def __init__(self, rng: random.Random, moments: Sequence[Moment], pool: Sequence[str]) -> None:
        self.rng = rng
        self.moments = moments
        self.last = moments[-1]
        self.seen: dict[str, list[Moment]] = {}
        for moment in moments:
            for name in dict.fromkeys([moment.names[0][0], *moment.others]):
                self.seen.setdefault(name, []).append(moment)
        self.scenes: list[str] = []  # main things, without repeats in a row
        for moment in moments:
            if not self.scenes or self.scenes[-1] != moment.names[0][0]:
                self.scenes.append(moment.names[0][0])
        self._pool = pool

    @property
    def once(self) -> list[str]:
        """Main things of exactly one scene."""
        return [name for name in self.scenes if self.scenes.count(name) == 1]

    def main(self, name: str) -> Moment:
        """Return the last moment whose main thing is `name`."""
        return next(m for m in reversed(self.moments) if m.names[0][0] == name)

    def absent(self) -> str:
        while True:
            name = thing_of(self.rng, self._pool)
            near = {other for m in self.moments for other, _ in m.names} | self.seen.keys()
            if name not in near and name != "person":
                return name

    def any_seen(self) -> str:
        return self.rng.choice([name for name in self.seen if name != "person"] or ["person"])

    def say(self, *forms: str) -> str:
        return self.rng.choice(forms)


def a(name: str, colour: str = "") -> str:
    """Return `name` with its colour and an article."""
    words = f"{colour} {name}".strip()
    plural = name.endswith("s") and not name.endswith(("ss", "us", "bus"))
    if plural:
        return words
    return f"{'an' if words[0].lower() in 'aeiou' else 'a'} {words}"


def capital(text: str) -> str:
    """Return `text` as a sentence."""
    return text[0].upper() + text[1:] + "."


def number_of(count: int) -> str:
    """Return `count` persons in words."""
    return COUNTS[count] if count < len(COUNTS) else MANY

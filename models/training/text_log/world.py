"""The content of a synthetic log, and the wording of questions and answers about it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.assistant.scene.query_parsing import find_name_ids, parse_query
from models.assistant.scene.scene_entry import COUNTS, MANY_PEOPLE, SceneEntry, SearchResult
from models.assistant.scene.scene_log import LoggedEntry, search
from models.assistant.scene.scene_making import COARSE_KINDS, SOMETHING
from models.assistant.scene.vocabulary import SYNONYMS
from models.vision.class_names import DETAILS, NAMES, SPOKEN

COLORS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey",
)  # fmt: skip
PLACES = {"left": "On the left", "right": "On the right", "middle": "In the middle"}
COMMON = (
    "cup", "bottle", "book", "phone", "chair", "table", "dog", "cat", "ball", "apple", "banana",
    "orange", "hat", "shoe", "pen", "laptop", "keyboard", "box", "bowl", "plate", "spoon", "knife",
    "clock", "lamp", "sofa", "bed", "backpack", "umbrella", "car", "bicycle", "bus", "flower",
    "bird", "fish", "horse", "cow", "sheep", "screwdriver", "hammer", "glass", "sunglasses",
    "teddy bear", "house", "mountain", "lake", "beach", "coat", "guitar", "camera", "person",
)  # fmt: skip
# Things that people ask about and the classifier does not know.
UNKNOWN = (
    "giraffe", "tree", "key", "fork", "river", "map", "letter", "door", "window", "street", "star",
    "ladder", "passport", "coin", "ring", "toothbrush", "charger", "robot", "kite", "ghost",
)  # fmt: skip
KINDS = ("animal", "fruit", "vehicle", "building", "furniture", "instrument", "tool", "clothes")


@dataclass(frozen=True, slots=True)
class QuestionAnswer:
    """A question and its answer; `kind` says what it tests."""

    kind: str
    question: str
    answer: str


def thing_of(rng: random.Random, pool: Sequence[str]) -> str:
    """Return the name of a thing, one in three a common one."""
    return rng.choice(COMMON) if rng.random() < 0.35 else rng.choice(pool)


class World:
    """The content of a log, with its search."""

    def __init__(
        self, rng: random.Random, moments: Sequence[SceneEntry], pool: Sequence[str]
    ) -> None:
        self.rng = rng
        self.moments = moments
        self.last = moments[-1]
        self.entries = [entry_of(index, moment) for index, moment in enumerate(moments)]
        self.seen: dict[str, list[SceneEntry]] = {}
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
        """Things that are the main thing of one scene and in no other."""
        beside = {name for moment in self.moments for name in moment.others}
        return [
            name
            for name in self.scenes
            if self.scenes.count(name) == 1
            and name not in {*beside, *COARSE_KINDS, SOMETHING, "person"}
        ]

    @property
    def things(self) -> list[str]:
        """All named things that were seen, except persons."""
        return [name for name in self.seen if name not in ("person", SOMETHING)]

    def find(self, question: str) -> SearchResult | None:
        """Return the search result for the first thing of `question`, as at run time."""
        finds = search(self.entries, parse_query(question))
        return finds[0] if finds else None

    def main(self, name: str) -> SceneEntry | None:
        """Return the last moment with `name`, if it is the main thing there."""
        moment = self.seen[name][-1]
        return moment if moment.names[0][0] == name else None

    def perhaps(self, moment: SceneEntry) -> str:
        """Return the name of the main thing, sometimes another likely one."""
        likely = [name for name, share in moment.names[1:] if share >= 0.15]
        if likely and self.rng.random() < 0.3:
            return self.rng.choice(likely)
        return self.called(moment.names[0][0])

    def absent(self) -> str:
        """Return the name of a thing that is not in the log."""
        while True:
            name = thing_of(self.rng, self._pool)
            find = self.find(f"Where is the {name}?")
            if name != "person" and find is not None and not find.name:
                return name

    def called(self, name: str) -> str:
        """Return `name`, sometimes a synonym."""
        others = OTHER_WORDS.get(name, ())
        return self.rng.choice(others) if others and self.rng.random() < 0.25 else name

    def choose(self, *forms: str) -> str:
        return self.rng.choice(forms)


def entry_of(index: int, moment: SceneEntry) -> LoggedEntry:
    shares = np.zeros(len(NAMES), np.float32)
    for name, share in moment.names:
        if name in COARSE_KINDS:
            shares[sorted(find_name_ids(name))[:3]] = 0.2
        elif name in NAMES:
            shares[NAMES.index(name)] = 0.8 * share
    for name in moment.others:
        if name in NAMES:
            shares[NAMES.index(name)] = 0.3
    return LoggedEntry(index, moment, shares, moment.time)


def _other_words() -> dict[str, tuple[str, ...]]:
    words: dict[str, list[str]] = {}
    for word, name in SYNONYMS.items():
        words.setdefault(name, []).append(word)
    for name, detail in zip(SPOKEN, DETAILS, strict=True):
        word = detail.lower()
        columns = {column for thing in parse_query(word).terms for column in thing.name_ids}
        if word != name and columns == {NAMES.index(name)} and len(parse_query(word).terms) == 1:
            words.setdefault(name, []).append(word)
    return {name: tuple(words[name]) for name in words}


OTHER_WORDS = _other_words()


def a(name: str, color: str = "") -> str:
    words = f"{color} {name}".strip()
    plural = name.endswith("s") and not name.endswith(("ss", "us", "bus"))
    if plural or name in ("furniture", "fruit", SOMETHING):
        return words
    return f"{'an' if words[0].lower() in 'aeiou' else 'a'} {words}"


def as_sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


def join_words(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def number_of(count: int) -> str:
    return COUNTS[count] if count < len(COUNTS) else MANY_PEOPLE

"""What a small model can draw: things and backgrounds with their names, colors and sizes.

It comes from the model's file, so prompts are read alike for models of any world.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from models.generation.own_look import OwnLooks
from models.generation.small.prompts.word_tables import COLORS, PLACES, THINGS

ARTICLES = ("a ", "an ", "the ")

Names = tuple[str, ...]  # of one kind, the usual one first


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names of each kind of thing and of each background, as the model was trained with them.

    `colors` and `sizes` are words that the model follows; only the kinds in `colored` have colors,
    and all of them if it is None. `mark` follows each name in the captions of training.
    `own_things` and `own_backgrounds` are names of pictures of the user's own, which come first.
    """

    things: tuple[Names, ...]
    backgrounds: tuple[Names, ...]
    colors: Names = ()
    sizes: Names = ()
    colored: Names | None = None
    mark: str = ""
    own_things: Names = ()
    own_backgrounds: Names = ()

    @classmethod
    def from_names(
        cls,
        things: Iterable[str],
        backgrounds: Iterable[str],
        *,
        colors: Names = (),
        sizes: Names = (),
        colored: Names | None = None,
        mark: str = "",
    ) -> "Vocabulary":
        """Return the vocabulary of flat lists: the tables say which names are of one kind."""
        return cls(
            _grouped(things, same_things()),
            _grouped(backgrounds, same_places()),
            colors=colors,
            sizes=sizes,
            colored=colored,
            mark=mark,
        )

    def with_own(self, looks: OwnLooks) -> "Vocabulary":
        """Return the vocabulary of a session that has pictures of its own."""
        things, grounds = (
            tuple(look.name for look in looks if look.role == role)
            for role in ("thing", "background")
        )
        return replace(self, own_things=things, own_backgrounds=grounds) if looks else self

    def colors_of(self, kind: str, color: str) -> bool:
        """Return whether the model draws `kind` in `color`; a picture of one's own has its own."""
        known = self.colored is None or kind in self.colored
        return known and color in self.colors and kind not in self.own_things

    @property
    def kinds(self) -> Names:
        """Return the usual name of each thing."""
        return tuple(names[0] for names in self.things)

    @property
    def grounds(self) -> Names:
        """Return the usual name of each background."""
        return tuple(names[0] for names in self.backgrounds)


def without_article(name: str) -> str:
    for article in ARTICLES:
        if name.startswith(article):
            return name[len(article) :]
    return name


def with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def split_list(words: str) -> tuple[Names, ...]:
    """Return the groups of names in a comma-separated list; a slash joins names of the same."""
    return tuple(tuple(names.split("/")) for names in words.split(", "))


@cache
def same_things() -> Mapping[str, str]:
    """Return the usual name for each name of a thing, known to the model or not."""
    return _usual(line for family in THINGS.values() for line in family)


@cache
def same_places() -> Mapping[str, str]:
    """Return the usual name for each name of a place; walls have every color."""
    usual = _usual(line for family in PLACES.values() for line in family)
    for names in split_list(COLORS):
        first = f"{names[0]} wall"
        for color in names:
            usual |= {f"{color} {noun}": first for noun in ("wall", "background")}
    return usual


def _usual(lines: Iterable[str]) -> dict[str, str]:
    usual: dict[str, str] = {}
    for line in lines:
        for names in split_list(line):
            for name in names:
                usual.setdefault(name, names[0])
    return usual


def _grouped(names: Iterable[str], usual: Mapping[str, str]) -> tuple[Names, ...]:
    groups: dict[str, list[str]] = {}
    for name in names:
        bare = without_article(name)
        groups.setdefault(usual.get(bare, bare), []).append(name)
    return tuple(tuple(group) for group in groups.values())

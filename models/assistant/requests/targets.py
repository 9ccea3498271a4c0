"""What a standing request is about: a phrase such as `my red cup` to what the eyes can look for.

The eyes know persons, how many there are, about 600 names, and the colour of the main thing.
What they do not know is said in a sentence, as a `TargetError`, with what can be watched instead.
"""

import re
from dataclasses import dataclass

from models.assistant.scene.query_parsing import about, named
from models.errors import TargetError
from models.vision.class_names import NAMES
from models.vision.colours import COLOURS

KNOWN = "I know people and about 600 kinds of things, such as cups, dogs and cars"
WORN = "I cannot tell what people wear. I can tell you when I see someone."
ONE_AT_A_TIME = "I can watch for one thing at a time: ask me for each on its own."
NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "a couple of": 2, "several": 3,
    "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
}  # fmt: skip
COUNTED = ("", "someone", "two people", "three people", "four people", "five people", "six people")
# Persons whose kind or name the eyes cannot tell.
PARTICULAR = frozenset(
    {
        "i", "me", "we", "he", "she", "they", "wife",
        "husband", "partner", "son", "kid", "daughter",
        "kids", "mother", "father", "mom", "mum", "dad", "sister", "brother", "friend", "baby",
        "friends", "boss", "teacher", "colleague", "neighbour", "postman", "customer", "stranger",
        "grandma", "grandpa", "nurse", "driver", "thief", "burglar", "intruder", "toddler",
    }
)  # fmt: skip
ALL = frozenset({"everyone", "everybody", "all"})
NOT_IN_NAME = frozenset({"who", "whom", "us"})  # they stand for no one in particular
MASS = frozenset(
    {
        "bread", "wool", "velvet", "hay", "dough", "coffee", "guacamole", "corn", "food", "fruit",
        "furniture", "red wine", "toilet paper", "chain mail", "broccoli", "cabbage", "ice cream",
    }
)  # fmt: skip
NONE = re.compile(
    r"^(?:nobody|no one|no-one|noone|none of|no more|no|not any|not an?)\b ?(?:else )?"
)
COUNT = re.compile(
    r"^(?P<how>more than|at least|over|fewer than|less than|exactly|only|just)? ?"
    rf"(?P<number>{'|'.join(NUMBERS)}|\d+|a second|another|a third)? ?(?:other |more )?"
    r"(?P<rest>.+)$"
)
ARTICLE = re.compile(
    r"^(?:(?:the|an?|my|your|his|her|our|their|its|this|that|these|those|any|some|every|other|"
    r"last|first|next|big|small|little|whole|same|new|old) )+"
)
TAIL = re.compile(
    r" (?:of|with|in|on|at|from|near|by|behind|under|beside|next to|inside|outside|who|that|which|"
    r"wearing|holding|carrying|using|called|named|here|there)\b.*$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Columns of `NAMES`, or at least `people` persons (0: not asked for), and a colour or none.

    `label` is what to call it in a sentence; `particular` tells that one certain person or thing
    was meant, which the eyes cannot tell from others of its kind.
    """

    label: str
    names: frozenset[int] = frozenset()
    people: int = 0
    colour: str = ""
    particular: bool = False
    definite: str = ""  # how a sentence calls what was seen before: `the cup`


def target(phrase: str) -> Target:
    """Return what the noun phrase `phrase`, in small letters, asks to look for.

    Raises:
        TargetError: the eyes do not know it; the message is a sentence for the person.
    """
    if re.search(r"\band\b", phrase):
        raise TargetError(ONE_AT_A_TIME)
    parts = [_one(part.strip()) for part in re.split(r"\bor\b", phrase)]
    if len(parts) == 1:
        return parts[0]
    if any(part.people > 1 or part.colour for part in parts):
        raise TargetError(ONE_AT_A_TIME)
    return Target(
        label=" or ".join(part.label for part in parts),
        names=frozenset().union(*(part.names for part in parts)),
        people=max(part.people for part in parts),
        particular=any(part.particular for part in parts),
        definite=" or ".join(part.definite for part in parts),
    )


def _one(phrase: str) -> Target:
    match = COUNT.match(re.sub(r" at all$", "", phrase))
    if match is None:
        raise TargetError(f"I cannot watch for that. {KNOWN}.")
    rest = match["rest"].removesuffix(" else")
    mine = re.match(r"(?:my|your|his|her|our|their)\b", rest) is not None
    words = ARTICLE.sub("", rest).split()
    short = TAIL.sub("", rest)
    head = _head(ARTICLE.sub("", short).split())
    if " of " in rest:  # `field of flowers` is one name, `cup of coffee` is not
        head = _head(words, holding="of") or head
    if head is None:
        raise TargetError(f"I have not learnt to recognise {ARTICLE.sub('', rest)}. {KNOWN}.")
    before, noun = head
    if _also(rest, noun):
        raise TargetError(ONE_AT_A_TIME)
    if _person(noun):
        if _colour(rest.split()):
            raise TargetError(WORN)
        return _persons(match, particular=mine or noun in PARTICULAR)
    return _thing(match, before, noun, particular=mine)


def _head(words: list[str], *, holding: str = "") -> tuple[list[str], str] | None:
    """Return the words before the longest known noun that ends `words`, and that noun."""
    for count in range(min(4, len(words)), 0, -1):
        span = words[-count:]
        noun = " ".join(span)
        if (named(noun) or _person(noun)) and (not holding or holding in span):
            return words[:-count], noun
    return None


def _person(noun: str) -> bool:
    if noun in NOT_IN_NAME:
        return False
    return noun in PARTICULAR | ALL or (about(noun).persons and " " not in noun)


def _also(phrase: str, noun: str) -> bool:
    """Return whether `phrase` names a further thing after its head: `someone with a dog`."""
    with_ = re.search(r"\b(?:with|holding|carrying)\b(.*)$", phrase)
    return with_ is not None and noun not in with_[1].split() and bool(about(with_[1]).names)


def _colour(words: list[str]) -> str:
    plain = ["grey" if word == "gray" else word for word in words]
    return next((word for word in plain if word in COLOURS), "")


def _persons(match: re.Match[str], *, particular: bool) -> Target:
    ordinal = {"a second": 2, "another": 2, "a third": 3}
    number = match["number"] or ""
    people = ordinal.get(number) or NUMBERS.get(number) or int(number or 1)
    how = match["how"] or ""
    if how in ("exactly", "only", "just"):
        raise TargetError(
            "I can tell you when there are at least so many people, or fewer, not exactly so many."
        )
    if match["rest"].endswith(" else"):
        people = 2
    people += how in ("more than", "over")
    if people >= len(COUNTED):
        raise TargetError(f"I can count up to {len(COUNTED) - 1} people only.")
    label = COUNTED[people]
    return Target(label=label, people=people, particular=particular, definite=label)


def _thing(match: re.Match[str], before: list[str], noun: str, *, particular: bool) -> Target:
    if match["number"] not in (None, "one", "1", "another") or match["how"]:
        raise TargetError(
            f"I can count people, not things. I can tell you when I see {article(noun)}."
        )
    colour = _colour(before)
    called = f"{colour} {noun}".strip()
    return Target(
        label=article(called), names=_columns(noun), colour=colour, particular=particular,
        definite=f"the {called}",
    )  # fmt: skip


def _columns(noun: str) -> frozenset[int]:
    """Return the columns of `noun`: also its own where it is another name's word, as television."""
    own = {NAMES.index(noun)} if noun in NAMES else set()
    return named(noun) | own


def article(noun: str) -> str:
    """Return `noun` with `a` or `an`, or alone where it takes none."""
    plural = noun.endswith("s") and not noun.endswith(("ss", "us"))
    if plural or noun in MASS:
        return noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"

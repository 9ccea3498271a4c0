"""Targets of standing requests: from a noun phrase such as `my red cup` to what can be detected.

Perception detects persons, their number, about 600 names, and the color of the main thing. For
anything else, a `TargetError` has a sentence that says what can be watched for instead.
"""

import re
from dataclasses import dataclass

from models.assistant.body.signs import Sign
from models.assistant.scene.query_parsing import find_name_ids, parse_query
from models.errors import TargetError
from models.vision.class_names import COUNTABLE, NAMES
from models.vision.colors import COLORS

KNOWN = "I know people and about 600 kinds of things, such as cups, dogs and cars"
NO_CLOTHING = "I cannot tell what people wear. I can tell you when I see someone."
ONE_AT_A_TIME = "I can watch for one thing at a time: ask me for each on its own."
NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "a couple of": 2, "several": 3,
    "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
}  # fmt: skip
COUNTED = ("", "someone", "two people", "three people", "four people", "five people", "six people")
# PersonDetector who are detected only as persons.
SPECIFIC_PERSONS = frozenset(
    {
        "i", "me", "we", "he", "she", "they", "wife",
        "husband", "partner", "son", "kid", "daughter",
        "kids", "mother", "father", "mom", "mum", "dad", "sister", "brother", "friend", "baby",
        "friends", "boss", "teacher", "colleague", "neighbor", "postman", "customer", "stranger",
        "grandma", "grandpa", "nurse", "driver", "thief", "burglar", "intruder", "toddler",
    }
)  # fmt: skip
MAX_THINGS = 6  # of one kind: boxes of more hide each other
ALL = frozenset({"everyone", "everybody", "all"})
NOT_IN_NAME = frozenset({"who", "whom", "us"})  # pronouns for any person
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
    """At least `count` of some columns of `NAMES`, `people` persons (0: none) or a `sign`.

    If it `reads`, it is text instead: the words of `phrase`, or any text.

    `colour` is empty if none is given. `label` is its name in a sentence. `specific` is whether
    one certain person or thing is meant, which perception cannot distinguish from others.
    """

    label: str
    name_ids: frozenset[int] = frozenset()
    people: int = 0
    count: int = 1
    colour: str = ""
    specific: bool = False
    definite: str = ""  # its name once it was seen: `the cup`
    sign: Sign | None = None  # what somebody does or shows
    reads: bool = False
    phrase: str = ""


def parse_target(phrase: str) -> Target:
    """Return the target of the noun phrase `phrase`, in lower case.

    Raises:
        TargetError: it cannot be detected; the message is a sentence for the user.
    """
    if re.search(r"\band\b", phrase):
        raise TargetError(ONE_AT_A_TIME)
    parts = [_parse_one(part.strip()) for part in re.split(r"\bor\b", phrase)]
    if len(parts) == 1:
        return parts[0]
    if any(part.people > 1 or part.count > 1 or part.colour for part in parts):
        raise TargetError(ONE_AT_A_TIME)
    return Target(
        label=" or ".join(part.label for part in parts),
        name_ids=frozenset().union(*(part.name_ids for part in parts)),
        people=max(part.people for part in parts),
        specific=any(part.specific for part in parts),
        definite=" or ".join(part.definite for part in parts),
    )


def _parse_one(phrase: str) -> Target:
    match = COUNT.match(re.sub(r" at all$", "", phrase))
    if match is None:
        raise TargetError(f"I cannot watch for that. {KNOWN}.")
    rest = match["rest"].removesuffix(" else")
    mine = re.match(r"(?:my|your|his|her|our|their)\b", rest) is not None
    words = ARTICLE.sub("", rest).split()
    short = TAIL.sub("", rest)
    head = _head_noun(ARTICLE.sub("", short).split())
    if " of " in rest:  # `field of flowers` is one name, `cup of coffee` is not
        head = _head_noun(words, holding="of") or head
    if head is None:
        raise TargetError(f"I have not learned to recognize {ARTICLE.sub('', rest)}. {KNOWN}.")
    before, noun = head
    if _names_another(rest, noun):
        raise TargetError(ONE_AT_A_TIME)
    if _is_person(noun):
        if _color(rest.split()):
            raise TargetError(NO_CLOTHING)
        return _person_target(match, specific=mine or noun in SPECIFIC_PERSONS)
    return _object_target(match, before, noun, specific=mine)


def _head_noun(words: list[str], *, holding: str = "") -> tuple[list[str], str] | None:
    """Return the words before the longest known noun that ends `words`, and that noun."""
    for count in range(min(4, len(words)), 0, -1):
        span = words[-count:]
        noun = " ".join(span)
        if (find_name_ids(noun) or _is_person(noun)) and (not holding or holding in span):
            return words[:-count], noun
    return None


def _is_person(noun: str) -> bool:
    if noun in NOT_IN_NAME:
        return False
    return noun in SPECIFIC_PERSONS | ALL or (parse_query(noun).persons and " " not in noun)


def _names_another(phrase: str, noun: str) -> bool:
    """Return whether `phrase` names another thing after its head: `someone with a dog`."""
    with_ = re.search(r"\b(?:with|holding|carrying)\b(.*)$", phrase)
    return (
        with_ is not None and noun not in with_[1].split() and bool(parse_query(with_[1]).name_ids)
    )


def _color(words: list[str]) -> str:
    plain = ["grey" if word == "gray" else word for word in words]
    return next((word for word in plain if word in COLORS), "")


def _person_target(match: re.Match[str], *, specific: bool) -> Target:
    people = 2 if match["rest"].endswith(" else") else _asked_count(match, "people")
    if people >= len(COUNTED):
        raise TargetError(f"I can count up to {len(COUNTED) - 1} people only.")
    label = COUNTED[people]
    return Target(label=label, people=people, specific=specific, definite=label)


def _asked_count(match: re.Match[str], what: str) -> int:
    """Return how many there must be at least."""
    ordinal = {"a second": 2, "another": 2, "a third": 3}
    number, how = match["number"] or "", match["how"] or ""
    if how in ("exactly", "only", "just"):
        raise TargetError(
            f"I can tell you when there are at least so many {what}, or fewer, not exactly so many."
        )
    return (ordinal.get(number) or NUMBERS.get(number) or int(number or 1)) + (
        how in ("more than", "over")
    )


def _object_target(match: re.Match[str], before: list[str], noun: str, *, specific: bool) -> Target:
    count = 1 if match["number"] == "another" else _asked_count(match, "things")
    colour, columns = _color(before), _name_ids(noun)
    called = f"{colour} {noun}".strip()
    if count == 1:
        return Target(
            label=with_article(called), name_ids=columns, colour=colour, specific=specific,
            definite=f"the {called}",
        )  # fmt: skip
    if not columns & COUNTABLE or colour:
        raise TargetError(
            "I can count people and common things such as cups, chairs or cars, without their "
            f"colors. I can tell you when I see {with_article(called)}."
        )
    if count > MAX_THINGS:
        raise TargetError(f"I can count up to {MAX_THINGS} things only.")
    number = next((word for word, value in NUMBERS.items() if value == count), str(count))
    label = f"{number} {noun}"
    return Target(label=label, name_ids=columns, count=count, specific=specific, definite=label)


def _name_ids(noun: str) -> frozenset[int]:
    """Return the columns of `noun`, its own included if it is also a synonym, like television."""
    own = {NAMES.index(noun)} if noun in NAMES else set()
    return find_name_ids(noun) | own


def with_article(noun: str) -> str:
    """Return `noun` with `a` or `an`, or unchanged if it takes no article."""
    plural = noun.endswith("s") and not noun.endswith(("ss", "us"))
    if plural or noun in MASS:
        return noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"

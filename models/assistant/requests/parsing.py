"""Parsing of standing requests: `tell me when someone comes in`.

The parser consists of regular expressions for English. Text that does not match is an ordinary
question, and goes to the model. A request that cannot be watched for gets a reply that says so.
"""

import re
from dataclasses import dataclass, replace

from models.assistant.body.questions import SOMEONE, find_sign, is_posture
from models.assistant.requests.clauses import parse_clause
from models.assistant.requests.targets import KNOWN, NO_CLOTHING, Target, parse_target
from models.assistant.requests.text_clauses import parse_text_clause
from models.assistant.scene.query_parsing import parse_query
from models.errors import TargetError
from models.vision.colors import COLORS

WHO = "I cannot tell people apart, so anyone counts."
WHOSE = "I cannot tell whose it is."
WHERE = "I go by what is in the picture, not by where it is."
CANNOT = (
    "I cannot watch for that: I see what comes and goes, waving, walking, pointing, raised hands "
    f"and fingers, but no other actions or faces. {KNOWN}."
)

SHORT = {
    "can't": "can not", "cannot": "can not", "don't": "do not", "isn't": "is not",
    "aren't": "are not", "won't": "will not", "doesn't": "does not", "anymore": "any more",
    "no-one": "no one", "noone": "no one", "lemme": "let me", "i'd": "i would",
    "everytime": "every time", "nevermind": "never mind",
}  # fmt: skip
POLITE = r"(?:(?:hey|hi|hello|please|ok|okay|now|just|so|and|then|also|eyeline|from now on) )*"
ASKED = (
    r"(?:(?:can|could|will|would) you (?:please )?|i want you to |i would like you to |"
    r"you (?:should|must|have to) |make sure to |be sure to )?(?:please |just )*"
)
SPEAK = (
    r"(?:(?:tell|warn|alert|notify|inform|remind|ping|call) (?:me|us)|let (?:me|us) know|"
    r"give (?:me|us) (?:a shout|a sign|a warning|an alert|a heads up)|speak up|raise the alarm|"
    r"(?:say|shout|call out)(?: (?P<word>(?!when\b|if\b|what\b).{1,40}?))?)"
)
EACH = r"whenever|every time|each time|any time|always when"
WHEN = rf"(?P<when>{EACH}|when|if|once|as soon as|the moment|the next time|next time|in case)"
ORDERS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"^{POLITE}{ASKED}{SPEAK},? (?:about it )?{WHEN} (?P<clause>.+)$",
        rf"^{POLITE}{WHEN} (?P<clause>.+?),? (?:then )?(?:please )?{ASKED}{SPEAK}$",
    )
)
WATCH = re.compile(
    rf"^{POLITE}{ASKED}(?:watch(?: out)?|look out|wait|keep (?:an eye out|watch|watching|looking)|"
    r"be on the look ?out) for (?P<clause>.+?)(?:,? and (?:tell|warn|alert|notify|let) .+)?$"
)
NO_PHRASE = frozenset({"", "so", "it", "something", "that", "me"})
# A clause in the past tense is a question: `tell me when you last saw my cup`.
PAST = re.compile(
    r"^(?:did|was|were|had|have|has|does|do|is|are|will|should|the last time)\b|"
    r"\b(?:was|were|did|had|(?:you|i|we|he|she|they) saw|"
    r"came|went|yesterday|ago|you (?:last|first))\b|"
    r"(?<!has )(?<!have )(?<!is )(?<!are )(?<!one )(?<!body )\b"
    r"(?:left|entered|arrived|appeared|disappeared|returned|"
    r"vanished|walked|showed|joined|exited)\b"
)
ASKING = re.compile(r"(?:did|was|were|does|do|is|are|has|have|had)\b")  # when did it say exit?
# `Tell me if there is a dog` is a question about now; `tell me if a dog comes in` is a request.
NOW = re.compile(
    r"^(?:there (?:is|are)|you (?:can )?see|(?!.*any more).+ (?:is|are) (?!gone|back))"
)
STOPS = tuple(
    re.compile(rf"^{POLITE}{ASKED}(?:you can )?{pattern}(?: now| please| any more| then| thanks)*$")
    for pattern in (
        r"(?:stop|quit) (?:watching|looking out|waiting|monitoring|(?:telling|warning|alerting) me)"
        r"(?: for .+| when .+| about .+| if .+)?",
        r"(?:forget|cancel|drop|skip) (?:it|that|about (?:it|that)|(?:the|my|that|all|your) "
        r"(?:request|requests|alert|alerts|alarm|warning|watch))",
        r"never mind(?: (?:it|that|about (?:it|that)))?",
        r"(?:do not|no need to|you do not (?:need|have) to) (?:tell|warn|alert|notify) me any more",
        r"(?:do not|no need to|you do not (?:need|have) to) (?:watch|look out|wait)(?: for .+)?",
    )
)
SIGNING = re.compile(
    rf"^(?:(?P<who>i|we|{SOMEONE}) (?:is |are |am |starts? |begins? )?|(?:my|his|her) |you see |"
    r"there (?:is|are) )(?:to )?(?P<sign>.+)$"
)
ROOM = re.compile(
    r"^(?:(?:in|into|inside|on|from|at|here|there|to|of|out|back|up|again)\b ?)*"
    r"(?:(?:the|this|my|your|our) )?(?:room|view|picture|frame|image|camera|kitchen|office|house|"
    r"home|sight|screen|video|shot|visible|present|around|left)?(?: at all)?$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A target to watch for, and when the request is met.

    With `absent` it is met when the target is out of view. With `on_change` the target must come
    or go while it is watched; otherwise the current state counts too. With `repeat` it is met each
    time. `phrase` is what the user wants to hear; `caveats` say what was asked for and is ignored.
    """

    target: Target
    absent: bool = False
    on_change: bool = False
    repeat: bool = False
    phrase: str = ""
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnsupportedRequest:
    """A request that cannot be watched for, and the sentence that says why."""

    reason: str


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Ends the requests about these columns of `NAMES`, persons or text; all if none is given."""

    name_ids: frozenset[int] = frozenset()
    persons: bool = False
    reads: bool = False


def parse_request(text: str) -> Request | UnsupportedRequest | StopRequest | None:
    """Return the standing request that `text` makes or ends; None for an ordinary question."""
    words = normalized(text)
    if any(pattern.match(words) for pattern in STOPS):
        about = " ".join(re.split(r"\b(?:for|when|about|if)\b", words, maxsplit=1)[1:]).strip()
        if parse_text_clause(about) or parse_text_clause(f"you see {about}"):
            return StopRequest(reads=True)
        asked = parse_query(about)
        return StopRequest(asked.name_ids, asked.persons)
    order = ORDERS[0].match(words)
    if order and _is_question(order):
        return None
    order = order or ORDERS[1].match(words)
    if order and ASKING.match(order["clause"]):
        return None
    if order is None:
        watch = WATCH.match(words)
        return None if watch is None else _request(_as_clause(watch["clause"]))
    clause, when, word = order["clause"], order["when"], order["word"] or ""
    repeat = re.fullmatch(EACH, when) is not None
    return _request(clause, repeat=repeat, word="" if word in NO_PHRASE else word)


def _is_question(order: re.Match[str]) -> bool:
    """Return whether a matched request is a question about the past or about now."""
    if PAST.search(order["clause"]):
        return True
    tell_order = re.search(r"\btell (?:me|us)\b", order[0]) is not None
    return tell_order and order["when"] == "if" and NOW.match(order["clause"]) is not None


def _as_clause(clause: str) -> str:
    """Return `the dog to leave` or `my cup` as a clause."""
    noun, to, verb = clause.partition(" to ")
    return f"{noun} {verb}" if to else f"you see {clause}"


def normalized(text: str) -> str:
    """Return `text` in lower case, without punctuation and contractions."""
    words = text.lower().replace("\u2019", "'")
    words = re.sub(r"[^a-z0-9', -]", " ", re.sub(r"(?<!\w)'|'(?![\w-])", " ", words))
    words = " ".join(SHORT.get(word.strip(","), word) for word in words.split())
    words = re.sub(
        r"\b(there|someone|somebody|who|he|she|it|nobody|no one|everyone)'s\b", r"\1 is", words
    )
    words = re.sub(
        r"'s (?=(?:gone|here|back|coming|leaving|away|missing|in|at|on)\b)", " is ", words
    )
    words = re.sub(r"'re\b", " are", re.sub(r"\bi'm\b", "i am", words))
    return re.sub(r"(?:,? (?:please|thanks|thank you|ok|okay))+$", "", words).strip(" ,")


def _request(clause: str, *, repeat: bool = False, word: str = "") -> Request | UnsupportedRequest:
    words = re.sub(
        r"\b(?:any more|again|now|actually|suddenly|finally|still|ever|ever again)\b", "", clause
    )
    changed = " any more" in clause or " again" in clause
    plain = " ".join(words.replace(",", " ").split())
    special = _of_sign(plain, changed=changed) or _of_text(plain)
    if special is not None:
        return replace(special, repeat=repeat, phrase=word)
    try:
        found = parse_clause(plain)
    except TargetError as error:
        return UnsupportedRequest(str(error))
    if found is None:
        return UnsupportedRequest(_suggestion(words))
    noun, where, absent, change = found
    try:
        what = parse_target(noun)
    except TargetError as error:
        return UnsupportedRequest(str(error))
    if what.people and set(where.split()) & set(COLORS):
        return UnsupportedRequest(NO_CLOTHING)
    caveats = []
    if what.specific:
        caveats.append(WHO if what.people else WHOSE)
    if not ROOM.match(where.strip()):
        caveats.append(WHERE)
    return Request(
        target=what, absent=absent, on_change=change or changed, repeat=repeat, phrase=word,
        caveats=tuple(caveats),
    )  # fmt: skip


def _of_sign(clause: str, *, changed: bool) -> Request | None:
    """Return the request of a clause about what somebody does or shows."""
    signing = SIGNING.match(clause)
    sign = find_sign(signing["sign"]) if signing else None
    if sign is None:
        return None
    label = f"somebody {sign}"
    target = Target(label=label, sign=sign, definite=label)
    return Request(target=target, on_change=changed or is_posture(sign))


def _of_text(clause: str) -> Request | None:
    """Return the request of a clause about text."""
    found = parse_text_clause(clause)
    if found is None:
        return None
    target, gone = found
    return Request(target=target, absent=gone, on_change=gone)


def _suggestion(clause: str) -> str:
    asked = parse_query(clause)
    for noun in clause.split():
        try:
            what = parse_target(noun)
        except TargetError:
            continue
        if what.people or what.name_ids & asked.name_ids:
            return (
                f"I cannot watch for that. I can tell you when {what.label} comes into view, "
                "or is no longer in view."
            )
    return CANNOT

"""Requests to speak later, out of what a person says: `tell me when someone comes in`.

Plain patterns of English; what does not match is an ordinary question, and goes to the model.
What was asked for and cannot be watched for is answered with a sentence that says so.
"""

import re
from dataclasses import dataclass

from models.errors import TargetError
from models.qa.colours import COLOURS
from models.qa.nouns import about, named
from models.qa.targets import KNOWN, WORN, Target, target

WHO = "I cannot tell people apart, so anyone counts."
WHOSE = "I cannot tell whose it is."
WHERE = "I go by what is in the picture, not by where it is."
CANNOT = (
    f"I cannot watch for that: I see what comes and goes, but no actions, faces or text. {KNOWN}."
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
    r"(?:(?:tell|warn|alert|notify|inform|ping|call) (?:me|us)|let (?:me|us) know|"
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
WITH = frozenset({"wearing", "holding", "carrying"})  # said of who is meant
WORDLESS = frozenset({"", "so", "it", "something", "that", "me"})
# A clause that tells of the past asks about it: `tell me when you last saw my cup`.
PAST = re.compile(
    r"^(?:did|was|were|had|have|has|does|do|is|are|will|should|the last time)\b|"
    r"\b(?:was|were|did|had|saw|came|went|yesterday|ago|you (?:last|first))\b|"
    r"(?<!has )(?<!have )(?<!is )(?<!are )(?<!one )(?<!body )\b"
    r"(?:left|entered|arrived|appeared|disappeared|returned|"
    r"vanished|walked|showed|joined|exited)\b"
)
# `Tell me if there is a dog` asks about now; `tell me if a dog comes in` does not.
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
COME = (
    r"(?:(?:has |have |is |are )?(?:come|coming|arrived|arriving|entered|entering|appeared|"
    r"appearing|returned|returning|back)|comes|arrives?|enters?|appears?|returns?|"
    r"(?:show|turn|pop)s? up|(?:walk|step|get|run|go)(?:s|es|ing)? (?:in|into|back|here|by|past)|"
    r"becomes? visible|joins?|gets? home)"
)
LEAVE = (
    r"(?:(?:has|have|is|are) (?:gone|left|leaving|disappeared|vanished|missing|away|out|taken)|"
    r"leaves?|leaving|disappear(?:s|ing)?|vanish(?:es|ing)?|exits?|go(?:es)? missing|"
    r"(?:go|walk|get|run|step)(?:s|es|ing)? (?:out|away|off|home))"
)
SEE = r"(?:see|spot|notice|find|recogni[sz]e|detect)"
ROOM = re.compile(
    r"^(?:(?:in|into|inside|on|from|at|here|there|to|of|out|back|up|again)\b ?)*"
    r"(?:(?:the|this|my|your|our) )?(?:room|view|picture|frame|image|camera|kitchen|office|house|"
    r"home|sight|screen|video|shot|visible|present|around|left)?(?: at all)?$"
)
NOBODY = re.compile(
    r"^(?:nobody|no one|none|no longer an?|no more|no|not any|not an?|"
    r"(?:fewer|less) than)\b ?"
)
PLACE = re.compile(
    r"^(?P<noun>.+?)(?P<where> (?:in|into|on|onto|at|from|to|near|by|behind|under|inside|outside|"
    r"here|there|left|around|next to|beside)\b.*)$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to watch for, and when to speak.

    `gone` speaks when the target is not in view; `change` only when it came or went while
    watched, else what is already so counts too; `repeat` speaks each time. `word` is what the
    person wants to hear, `caveats` are what was asked for and is not looked at.
    """

    target: Target
    gone: bool = False
    change: bool = False
    repeat: bool = False
    word: str = ""
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unwatchable:
    """A request that the eyes cannot keep, and the sentence that says why."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Ends requests: those about these columns of `NAMES` or persons; all if neither."""

    names: frozenset[int] = frozenset()
    persons: bool = False


def parse(text: str) -> Request | Unwatchable | Stop | None:
    """Return the standing request that `text` makes or ends, or None: an ordinary question."""
    said = plain_words(text)
    if any(pattern.match(said) for pattern in STOPS):
        asked = about(said)
        return Stop(asked.names, asked.persons)
    order = ORDERS[0].match(said)
    if order and _asks(order):
        return None
    order = order or ORDERS[1].match(said)
    if order is None:
        watch = WATCH.match(said)
        return None if watch is None else _request(_awaited(watch["clause"]))
    clause, when, word = order["clause"], order["when"], order["word"] or ""
    repeat = re.fullmatch(EACH, when) is not None
    return _request(clause, repeat=repeat, word="" if word in WORDLESS else word)


def _asks(order: re.Match[str]) -> bool:
    """Return whether what looks like a request asks about the past or about now."""
    if PAST.search(order["clause"]):
        return True
    telling = re.search(r"\btell (?:me|us)\b", order[0]) is not None
    return telling and order["when"] == "if" and NOW.match(order["clause"]) is not None


def _awaited(clause: str) -> str:
    """Turn `the dog to leave` and `my cup` into clauses."""
    noun, to, verb = clause.partition(" to ")
    return f"{noun} {verb}" if to else f"you see {clause}"


def plain_words(text: str) -> str:
    """Return `text` in small letters, without marks and short forms."""
    said = text.lower().replace("\u2019", "'")
    said = re.sub(r"[^a-z0-9', -]", " ", re.sub(r"(?<!\w)'|'(?!\w)", " ", said))
    said = " ".join(SHORT.get(word.strip(","), word) for word in said.split())
    said = re.sub(
        r"\b(there|someone|somebody|who|he|she|it|nobody|no one|everyone)'s\b", r"\1 is", said
    )
    said = re.sub(r"'re\b", " are", re.sub(r"\bi'm\b", "i am", said))
    return re.sub(r"(?:,? (?:please|thanks|thank you|ok|okay))+$", "", said).strip(" ,")


def _request(clause: str, *, repeat: bool = False, word: str = "") -> Request | Unwatchable:
    words = re.sub(
        r"\b(?:any more|again|now|actually|suddenly|finally|still|ever|ever again)\b", "", clause
    )
    changed = " any more" in clause or " again" in clause
    try:
        found = _read(" ".join(words.replace(",", " ").split()))
    except TargetError as error:
        return Unwatchable(str(error))
    if found is None:
        return Unwatchable(_instead(words))
    noun, where, gone, change = found
    try:
        what = target(noun)
    except TargetError as error:
        return Unwatchable(str(error))
    if what.people and set(where.split()) & set(COLOURS):
        return Unwatchable(WORN)
    caveats = []
    if what.particular:
        caveats.append(WHO if what.people else WHOSE)
    if not ROOM.match(where.strip()):
        caveats.append(WHERE)
    return Request(
        target=what, gone=gone, change=change or changed, repeat=repeat, word=word,
        caveats=tuple(caveats),
    )  # fmt: skip


Found = tuple[str, str, bool, bool]  # noun phrase, where, gone, change


def _read(clause: str) -> Found | None:
    """Return what `clause` says of what, or None: nothing that the eyes can tell."""
    readers = (_unseen, _sight, _existence, _shown, _moving, _state)
    return next((found for found in (read(clause) for read in readers) if found), None)


def _unseen(clause: str) -> Found | None:
    match = re.match(
        rf"^you (?P<how>no longer|stop|can not|do not|can no longer|lose sight of)"
        rf"(?: {SEE}(?:ing)?)? (?P<rest>.+)$", clause,
    )  # fmt: skip
    if match is None:
        return None
    noun, where = _placed(match["rest"])
    return noun, where, True, match["how"] not in ("can not", "do not")


def _sight(clause: str) -> Found | None:
    match = re.match(rf"^(?:you (?:can |start to )?{SEE}) (?P<rest>.+)$", clause)
    if match is None:
        return None
    return _moving(match["rest"]) or _existing(match["rest"])


def _existence(clause: str) -> Found | None:
    match = re.match(r"^there (?:is|are) (?P<rest>.+)$", clause)
    return None if match is None else _existing(match["rest"])


def _existing(rest: str) -> Found | None:
    none = NOBODY.match(rest)
    noun, where = _placed(rest[none.end() :] if none else rest)
    if none and (not noun or none[0].strip() in ("nobody", "no one", "none")):
        noun, where = _placed(f"someone {rest[none.end() :]}".strip())
    return None if _acting(noun) else (noun, where, none is not None, False)


def _shown(clause: str) -> Found | None:
    match = re.match(
        r"^i (?:show|hold up|bring|hold|present) (?:you )?(?P<rest>.+?)(?: up)?$", clause
    )
    if match is None:
        return None
    noun, _ = _placed(match["rest"])
    return noun, "", False, False


def _moving(clause: str) -> Found | None:
    for verb, gone in ((LEAVE, True), (COME, False)):
        match = re.match(rf"^(?P<noun>.+?) {verb}(?P<where>(?: .+)?)$", clause)
        if match is None:
            continue
        if NOBODY.match(match["noun"]):
            if "left" in match[0] and gone:
                return "someone", match["where"], True, False
            return None
        return match["noun"], match["where"], gone, True
    return None


def _state(clause: str) -> Found | None:
    match = re.match(
        r"^(?P<noun>.+?) (?:is|are|am) (?P<no>not |no longer )?(?P<where>(?:in|on|at|here|there|"
        r"visible|present|home|around|left|inside|near|by|outside|under|behind|next|out)\b.*)$",
        clause,
    )  # fmt: skip
    if match is None:
        return None
    none = NOBODY.match(match["noun"])
    noun = match["noun"][none.end() :] or "someone" if none else match["noun"]
    gone = none is not None or match["no"] is not None
    return noun, match["where"], gone, match["no"] == "no longer "


def _placed(rest: str) -> tuple[str, str]:
    match = PLACE.match(rest)
    return (match["noun"], match["where"]) if match else (rest, "")


def _acting(noun: str) -> bool:
    """Return whether `noun` goes on with what someone does: `a dog jumping`."""
    words = noun.split()
    for at in range(1, len(words)):
        pair = words[at - 1 : at + 1], words[at : at + 2]
        doing = len(words[at]) > 5 and words[at].endswith("ing") and words[at] not in WITH
        if doing and not any(named(" ".join(part)) for part in pair):
            return True
    return False


def _instead(clause: str) -> str:
    asked = about(clause)
    for noun in clause.split():
        try:
            what = target(noun)
        except TargetError:
            continue
        if what.people or what.names & asked.names:
            return (
                f"I cannot watch for that. I can tell you when {what.label} comes into view, "
                "or is no longer in view."
            )
    return CANNOT

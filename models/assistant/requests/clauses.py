"""Parsing of clauses about a thing that comes, goes or is there: `the dog leaves the room`.

The patterns expect English in lower case without punctuation (`models.assistant.requests.parsing`).
"""

import re

from models.assistant.scene.query_parsing import find_name_ids

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
NOBODY = re.compile(
    r"^(?:nobody|no one|none|no longer an?|no more|no|not any|not an?|"
    r"(?:fewer|less) than)\b ?"
)
PLACE = re.compile(
    r"^(?P<noun>.+?)(?P<where> (?:in|into|on|onto|at|from|to|near|by|behind|under|inside|outside|"
    r"here|there|left|around|next to|beside)\b.*)$"
)
WITH = frozenset({"wearing", "holding", "carrying"})  # followed by a description of the person

ParsedClause = tuple[str, str, bool, bool]  # noun phrase, place, absent, on change


def parse_clause(clause: str) -> ParsedClause | None:
    """Return the meaning of `clause`, or None if it cannot be watched for."""
    readers = (
        _parse_unseen,
        _parse_seen,
        _parse_existence,
        _parse_shown,
        _parse_movement,
        _parse_state,
        _parse_empty,
    )
    return next((found for found in (read(clause) for read in readers) if found), None)


def _parse_unseen(clause: str) -> ParsedClause | None:
    match = re.match(
        rf"^you (?P<how>no longer|stop|can not|do not|can no longer|lose sight of)"
        rf"(?: {SEE}(?:ing)?)? (?P<rest>.+)$", clause,
    )  # fmt: skip
    if match is None:
        return None
    noun, where = _split_place(match["rest"])
    return noun, where, True, match["how"] not in ("can not", "do not")


def _parse_seen(clause: str) -> ParsedClause | None:
    match = re.match(rf"^(?:you (?:can |start to )?{SEE}) (?P<rest>.+)$", clause)
    if match is None:
        return None
    return _parse_movement(match["rest"]) or _existing(match["rest"])


def _parse_existence(clause: str) -> ParsedClause | None:
    match = re.match(r"^there (?:is|are) (?P<rest>.+)$", clause)
    return None if match is None else _existing(match["rest"])


def _existing(rest: str) -> ParsedClause | None:
    none = NOBODY.match(rest)
    noun, where = _split_place(rest[none.end() :] if none else rest)
    if none and (not noun or none[0].strip() in ("nobody", "no one", "none")):
        noun, where = _split_place(f"someone {rest[none.end() :]}".strip())
    return None if _has_action(noun) else (noun, where, none is not None, False)


def _parse_shown(clause: str) -> ParsedClause | None:
    match = re.match(
        r"^i (?:show|hold up|bring|hold|present) (?:you )?(?P<rest>.+?)(?: up)?$", clause
    )
    if match is None:
        return None
    noun, _ = _split_place(match["rest"])
    return noun, "", False, False


def _parse_movement(clause: str) -> ParsedClause | None:
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


def _parse_state(clause: str) -> ParsedClause | None:
    match = re.match(
        r"^(?P<noun>.+?) (?:is|are|am) (?P<no>not |no longer )?"
        r"(?P<where>(?:in|on(?= )|at|here|there|"
        r"visible|present|home|around|left|inside|near|by|outside|under|behind|next|out)\b.*)$",
        clause,
    )  # fmt: skip
    if match is None:
        return None
    none = NOBODY.match(match["noun"])
    noun = match["noun"][none.end() :] or "someone" if none else match["noun"]
    gone = none is not None or match["no"] is not None
    return noun, match["where"], gone, match["no"] == "no longer "


def _parse_empty(clause: str) -> ParsedClause | None:
    match = re.match(
        r"^(?:the |this |my |our )?(?:\w+ ?)?"
        r"(?:room|office|kitchen|house|home|hall|garage|shop|place|street|picture|view)"
        r" (?:is|becomes|gets) (?:empty|deserted)$",
        clause,
    )
    return ("someone", "", True, False) if match else None


def _split_place(rest: str) -> tuple[str, str]:
    match = PLACE.match(rest)
    return (match["noun"], match["where"]) if match else (rest, "")


def _has_action(noun: str) -> bool:
    """Return whether an action follows in `noun`: `a dog jumping`."""
    words = noun.split()
    for at in range(1, len(words)):
        pair = words[at - 1 : at + 1], words[at : at + 2]
        doing = len(words[at]) > 5 and words[at].endswith("ing") and words[at] not in WITH
        if doing and not any(find_name_ids(" ".join(part)) for part in pair):
            return True
    return False

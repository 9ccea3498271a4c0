"""What questions about speech look like: who spoke, and what somebody said. English: pure."""

import re

_ANY = "anyone anybody someone somebody everyone everybody people we they"
_NONE = "i you he she it that this what who there one these those him her them nobody your my his"
ANYONE = frozenset(_ANY.split())  # who are all that spoke
NOBODY = frozenset(_NONE.split()) | ANYONE  # who are not called so
THAT = frozenset(("that", "it", "this", "so", "what", "something", "anything"))
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
DIGITS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
_LATELY = r"(?: so far| last| just now| before| earlier| today)*\W*$"
_VERB = r"(?:say|said|saying|mention|mentioned|tell us|told us|talk|talked|talking|speak|spoken)"
_TOPIC = r"(?: (?:anything |something |the word )?(?:about |on |of )?(?P<topic>.+?))?"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


WHO_NOW = _pattern(
    r"^(?:who(?: is|'s|’s) (?:speaking|talking)(?: right)?(?: now)?|who was that|"
    r"who (?:just )?(?:spoke|talked)(?: last| just now)?|who was the last to (?:speak|talk))\W*$"
)
FIRST = _pattern(r"^who (?:spoke|talked|was the first (?:one |person )?to (?:speak|talk))"
                  r"(?: first)?\W*$")  # fmt: skip
MOST = _pattern(r"^who (?:has )?(?:spoke|talked|spoken|speaks|talks|said) (?:the )?most\W*$")
IS_IT = _pattern(
    r"^(?:was that (?P<that>.+?)(?: speaking| talking)?|"
    r"(?:is|was) (?:that )?(?P<who>.+?) (?:speaking|talking))(?: now| right now)?\W*$"
)
HOW_MANY = _pattern(
    r"^how many (?:different )?(?:(?:people|persons|speakers|voices)\b.*"
    r"\b(?:spoke|speak|speaking|spoken|talk|talked|talking|hear|heard)|"
    r"(?:speakers|voices)(?: are there)?)\b(?!.*\b(?:see|picture|room)\b)"
)
WHO_SPOKE = _pattern(r"^who (?:all )?(?:has spoken|spoke so far|has talked)\b")
WHO_IS = _pattern(
    r"^(?:who is|what is the name of) (?P<who>(?:the )?(?:speaker|\w+ speaker).*?)\W*$"
)
WHO_SAID = _pattern(
    r"^who (?:has |just )?(?:said|mentioned|asked|(?:talked|spoke|spoken|talking|asked) about)"
    r"(?: that| something about| anything about| about)?\s+(?P<topic>.+?)\W*$"
)
WHAT_SAID = _pattern(
    rf"^(?:what|anything)(?: did| has|'s|’s| does| was) (?P<who>.+?) (?P<last>last )?{_VERB}"
    rf"(?:\s+(?:about|on|of)\s+(?P<topic>.+?))?{_LATELY}"
)
WHAT_WAS_SAID = _pattern(
    rf"^what (?:was|has been|did you hear) (?:said|mentioned|talked)(?: about (?P<topic>.+?))?"
    rf"{_LATELY}"
)
LAST_THING = _pattern(
    r"^what was the last thing (?:that )?(?P<who>.+?) (?:has )?(?:said|told us|mentioned)\W*$"
)
WHETHER = _pattern(rf"^(?:did|has|have) (?P<who>.+?) (?:ever )?{_VERB}{_TOPIC}{_LATELY}")
WHEN = _pattern(rf"^when (?:did|has) (?P<who>.+?) (?:last )?{_VERB}{_TOPIC}{_LATELY}")
SPEAKER = _pattern(
    rf"^(?:the )?(?:speaker (?:number )?(?P<number>\d+|{'|'.join(DIGITS)})|"
    rf"(?P<ordinal>{'|'.join(ORDINALS)}) (?:speaker|voice|person))$"
)

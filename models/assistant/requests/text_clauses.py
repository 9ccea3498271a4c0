"""Parsing of clauses about text in the picture: `a sign says stop`, `you see the word exit`.

The patterns expect English in lower case without punctuation (`models.assistant.requests.parsing`).
"""

import re

from models.assistant.requests.targets import Target

MAX_WORDS = 8  # of a phrase to watch for
SPEAKER = (
    r"(?:i|you|we|he|she|they|who|someone|somebody|anyone|anybody|everyone|nobody|people|"
    r"(?:the|that|this|my|your|his|her|a) (?:\w+ )?(?:man|woman|person|people|boy|girl|guy|lady|"
    r"child|kid|baby|speaker|teacher|doctor|boss|mother|father|mom|mum|dad|sister|brother|friend|"
    r"wife|husband|son|daughter))\b"
)
SURFACE = (
    r"(?:(?:the|a|an|any|some|my|your|this|that) )?(?:\w+ )?(?:sign|screen|display|monitor|label|"
    r"board|panel|timer|clock|counter|meter|scale|thermometer|page|paper|note|card|plate|door|box|"
    r"it|that|this|something|anything)"
)
SEE = r"you (?:can )?(?:see|read|spot|notice|find|detect|recogni[sz]e)"
SHOWN = (
    r"(?: (?:appears?|comes (?:up|into view)|(?:shows?|pops) up|is (?:visible|shown|there|"
    r"displayed|in view|written)|(?:on|in|at) (?:the|a|an|my|your|this|that|it|view)\b.*|anywhere|"
    r"somewhere))*"
)
WORD = r"(?:the |a |an )?(?:words?|text|letters?|numbers?|sentence|phrase|name)"
NOT_TEXT = r"(?!(?:on|in|appears?|comes?|is|are|changes?|to)\b)"
TEXT = (
    rf"^(?:{SEE} )?{WORD} (?P<phrase>{NOT_TEXT}.+?){SHOWN}$",
    rf"^(?!{SPEAKER})(?:{SEE} |there is )?.+? (?:that |which )?(?:says|say|saying|reads|reading|"
    r"with the words?) (?:the words? )?(?P<phrase>.+)$",
    rf"^{SURFACE} (?:shows?|displays?|showing) (?:the )?(?:word|text|number|message) "
    r"(?P<phrase>.+)$",
    r"^(?:the |a )?(?:screen|display|timer|clock|counter|meter|scale|thermometer|panel) (?:shows?|"
    r"displays?) (?P<phrase>.+)$",
    r"^you (?:can )?read (?P<phrase>(?!(?:text|something|anything|words?)\b).+)$",
)
GONE = (
    rf"^(?!{SPEAKER}).+? (?:no longer (?:says|reads)|stops (?:saying|reading)|does not say)"
    r"(?: the words?)? (?P<phrase>.+)$",
    rf"^{WORD} (?P<phrase>.+?) (?:disappears?|vanish(?:es)?|goes away|is (?:gone|no longer .+))$",
)
ANY = (
    rf"^(?:there is|{SEE}) (?:a |any |some )?(?:text|writing|words?|letters|something written|"
    r"something to read|anything written)\b",
    r"^(?:any |some )?(?:text|writing|words?) (?:appears?|comes? (?:up|into view)|shows? up|is "
    r"(?:visible|shown|there|in view))\b",
)


def parse_text_clause(clause: str) -> tuple[Target, bool] | None:
    """Return the text that `clause` names, and whether it is to be gone; None without text."""
    for patterns, gone in ((GONE, True), (TEXT, False)):
        for pattern in patterns:
            match = re.match(pattern, clause)
            phrase = "" if match is None else match["phrase"].strip()
            if phrase and len(phrase.split()) <= MAX_WORDS:
                return _target(phrase), gone
    if any(re.match(pattern, clause) for pattern in ANY):
        return Target(label="text", reads=True, definite="the text"), False
    return None


def _target(phrase: str) -> Target:
    return Target(label=f'"{phrase}"', reads=True, phrase=phrase, definite=f'"{phrase}"')

"""Questions about text in the picture: what does the sign say? does it say exit?

Words are those of `plain_words`.
"""

import re
from dataclasses import dataclass

from models.assistant.understanding.scope import scope_of
from models.assistant.understanding.wanted import Scope

PERSON = (
    r"(?:i|you|we|he|she|they|who|someone|somebody|anyone|anybody|everyone|nobody|people|"
    r"(?:the|that|this|my|your|his|her|a) (?:\w+ )?(?:man|woman|person|people|boy|girl|guy|lady|"
    r"child|kid|baby|speaker|user|teacher|doctor|boss|mother|father|mom|mum|dad|sister|brother|"
    r"friend|wife|husband|son|daughter|news|weather forecast))\b"
)
IT = (
    r"(?:it|this|that|these|those|"
    r"(?:the|my|your|his|her|its|a|an|that|this|which|what) (?:\w+ ){1,8}?)"
)
SURFACE = (
    r"(?:sign|label|poster|board|whiteboard|blackboard|screen|display|monitor|note|paper|page|"
    r"book|cover|box|package|packet|bottle|can|jar|card|ticket|receipt|plate|door|wall|shirt|"
    r"t-shirt|badge|banner|billboard|menu|letter|envelope|document|form|sticker|tag|cup|mug|bag|"
    r"bus|van|truck|shop|store|clock|scale|meter|thermometer|headline|newspaper|magazine)"
)
PATTERNS = (
    rf"\b(?:what|which \w+|how) (?:else )?(?:does|do|did) (?!{PERSON}){IT} ?(?:\w+ )?says?\b",
    rf"\bwhat (?:else )?(?:is|was|are|were) (?:it|this|that|(?:the|my|your) (?:\w+ )?{SURFACE}) "
    r"saying\b",
    rf"\bwhat (?!{PERSON}){IT} ?(?:says|said)\b",
    rf"\b(?:does|do|did|has|have) (?!{PERSON}){IT} ?(?:really |still |also |actually |ever )?"
    r"(?:say|said)\b",
    rf"\b(?:does|did) (?!{PERSON})(?:it|this|that|(?:the|my|your) (?:\w+ )?{SURFACE}) (?:read|show "
    r"(?:the )?(?:word|text|number|letters?))\b",
    r"\b(?:read|reads)\b(?! (?:my|your|his|her|their) (?:mind|thoughts?|lips|palm|fortune))"
    r"(?!ing the news)(?! (?:me |us )?(?:a|another|some) (?:story|poem|book|joke|tale))",
    r"\b(?:written|writing|printed|engraved|letters?|words?|texts?|captions?|inscription|"
    r"subtitles?|spelled|titles?|headlines?|handwriting)\b",
    r"\bspell\b",
    r"\bwhat (?:\w+ )?numbers? (?:is|are|was|were)\b(?!.*\b(?:i|he|she) \w+ing\b)",
    r"\b(?:is|are|was|were) there (?:a |any )?numbers?\b",
    r"\bwhat is the (?:\w+ )?(?:number|price|name|brand|date|phone number|address) (?:on|of) "
    rf"(?:the|this|that|my|your) (?:\w+ )?{SURFACE}\b",
    r"^(?:what is the price|how much (?:does|do|is) (?:it|this|that|these|those|the \w+) cost)\b",
    r"\b(?:expiry|expiration|best before|sell by|use by) date\b",
    r"\b(?:what|which) (?:page|bus|train|tram|flight|platform|floor|room|line|brand|make|channel|"
    r"station|street|stop) (?:is|are|was) (?:it|this|that|these|he|she|(?:the|my|your) \w+)\b",
    r"^what (?:is|are) the ingredients\b",
    r"^(?:who wrote|who is the author of) (?:this|that|the|my) (?:\w+ )?"
    r"(?:book|letter|note|article)",
    r"\b(?:translate|transcribe|ocr)\b(?: \w+){0,3} "
    rf"(?:this|that|it|text|words?|{SURFACE})$|^(?:ocr|transcribe)\b",
    r"^what time (?:does|did|is (?:on|it on)) (?:the|this|that|my) (?:\w+ )?"
    r"(?:clock|watch|display|screen|phone|oven|microwave|sign|timetable)\b",
    r"^what (?:does|did) (?:the|this|that|my|your) (?:\w+ )?(?:screen|display|monitor|board|"
    r"whiteboard|blackboard|sign|label|poster|badge|ticket|receipt|meter|scale|thermometer) "
    r"(?:show|display|read)$",
    r"\b(?:licen[cs]e|number|registration) plate\b",
    r"\bbar ?code\b",
    r"\bqr code\b",
    r"^what is on (?:the|this|that|my) (?:\w+ )?(?:sign|label|poster|note|whiteboard|blackboard|"
    r"badge|banner|billboard|menu|receipt|ticket|sticker|name ?tag)$",
)
EXCEPTIONS = (
    r"\b(?:text me|send|message|in other words|last words?|my words?|your words?|title to|"
    r"write (?:me|a)|letter to|few words|own words|words with|word for)\b",
    r"^(?:are you able to|can you|could you|do you|do you know how to) read(?: well| too)?$",
    r"\bdefin",
    r"^(?:how (?:do|would|can) you|(?:can|could) you)? ?spell (?!it|this|that|the|my|out\b)\w+$",
    r"\bsay (?:cheese|hello|hi|goodbye|something|anything)$",
    r"^what is the meaning",
    r"^how many (?:words|letters|characters|lines) (?:have|did|do|does|has|can) (?:you|i|we|it)\b",
    r"\b(?:have|did|do) you (?:ever )?read (?:a|any|the)? ?(?:good )?books?\b",
    rf"\b(?:is|was|are|am|were) {PERSON} (?:\w+ )?(?:reading|writing)\b",
)
PHRASE = (
    rf"^(?:and )?(?:does|do|did|has|have) (?!{PERSON})(?:.+?) (?:say|said|read) (?:the words? |"
    r"anything about |something about |something like )?(?P<phrase>.+)$",
    r"\b(?:words?|text|letters?|numbers?) (?P<phrase>(?!on\b|in\b|at\b|there\b|do\b|is\b|are\b|"
    r"can\b|does\b|of\b|written\b|you\b|visible\b|here\b|that\b|to\b|it\b|say\b|now\b).+?)"
    r"(?: (?:on|in|anywhere|written|visible|there|to be seen)\b.*)?$",
    r"^(?:is|was) (?P<phrase>(?!there\b|it\b|this\b|that\b|the\b|any\w*\b|some\w*\b).+?) "
    r"(?:written|printed)\b",
)
YES_NO = re.compile(
    r"^(?:and )?(?:is|are|was|were|does|do|did|has|have|can you (?:see|read) (?:the|a|an|any) "
    r"(?:words?|text|numbers?))\b"
)
NUMBER = re.compile(
    r"\b(?:numbers?|price|plate|phone|time|temperature|date|cost|how (?:much|many|hot|cold))\b"
)
NO_PHRASE = re.compile(
    r"^(?:anything|something|it|this|that|so|what|now|here|there|aloud|out loud|too|again|else|"
    r"to me|for me|please|on (?:it|this|that|the .+)|(?:the|this|that) .+)$"
)
TAIL = re.compile(
    r"(?: (?:on|in|at|above|below|under|near|behind) (?:the|a|an|it|this|that|my|your|there)\b.*|"
    r" (?:anywhere|somewhere|now|right now|too|again|there|here|yet|already|before|earlier|"
    r"written|printed))+$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextQuestion:
    """A question about text: of now or of the past.

    With `phrase` it is whether, or when if `when`, that was to be read. If `yes_no` without a
    phrase, it is whether there is any text. `number` is whether a number is asked for, `count`
    whether it is how many words there are.
    """

    scope: Scope
    phrase: str = ""
    yes_no: bool = False
    when: bool = False
    number: bool = False
    count: bool = False


def parse_text_question(words: str) -> TextQuestion:
    """Return what plain `words`, a question about text, ask for."""
    when = re.match(r"(?:and )?when\b", words) is not None
    phrase = _phrase(words)
    return TextQuestion(
        scope=Scope.PAST if when else scope_of(words),
        phrase=phrase,
        yes_no=YES_NO.match(words) is not None,
        when=when and bool(phrase),
        number=not phrase and NUMBER.search(words) is not None,
        count=re.match(r"how many words\b", words) is not None,
    )


def _phrase(words: str) -> str:
    """Return the text that `words` name; empty if they name none."""
    asked = re.sub(r"^(?:and )?when (?=did\b|does\b|was\b|is\b)", "", words)
    for pattern in PHRASE:
        match = re.search(pattern, asked)
        if match is not None:
            phrase = TAIL.sub("", match["phrase"]).strip()
            return "" if NO_PHRASE.match(phrase) else phrase
    return ""

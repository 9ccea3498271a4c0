"""Patterns of the kinds of text, over plain words (`wording.plain`).

`<doing>` and other names in angle brackets stand for lists of words.
"""

import re
from collections.abc import Sequence

LISTS = {
    "doing": (
        "doing running walking sitting standing moving dancing sleeping waving talking speaking "
        "eating drinking jumping playing working cooking reading writing looking laughing crying "
        "swimming flying lying fighting singing driving riding coming going happening climbing "
        "pointing typing smoking clapping nodding cleaning carrying throwing falling resting "
        "asleep awake barking"
    ),
    "emotion": (
        "happy sad angry tired bored nervous afraid scared upset worried excited calm smiling "
        "smile frowning crying laughing annoyed surprised sick ill healthy drunk beautiful pretty "
        "handsome ugly fat thin young old good bad well nice cute attractive stressed relaxed "
        "confused okay ok fine lonely hungry sleepy friendly serious mad depressed"
    ),
    "language": (
        "spanish german french italian portuguese dutch polish turkish russian chinese mandarin "
        "cantonese japanese korean arabic greek hebrew hindi thai swedish danish norwegian finnish "
        "czech hungarian ukrainian vietnamese latin navajo español deutsch français italiano "
        "english"
    ),
    "shown": (
        "animal bird thing object vehicle fruit tool insect fish pet kind dog cat flower "
        "instrument food item"
    ),
    "people": (
        "people persons? men women man woman children humans guys girls boys faces visitors"
    ),
}
TIME = (
    r"\b(?:what|which|got the|have the|current|exact|the) (?:\w+ )?(?:time|date|day|month|"
    r"year|weekday|hour)\b(?: is| of the| it|$| now| today| right| do)",
    r"\bwhat time (?:is|do|have)\b",
    r"^time(?: now)?$",
    r"\bhow late is it\b",
    r"^(?:the )?date\b",
    r"\btoday (?:is the )?date\b",
    r"\btoday's date\b",
    r"^is (?:it|today) (?:already |now )?(?:\w+day|morning|afternoon|evening|night|noon|"
    r"midnight|weekend|late|(?:january|february|march|april|may|june|july|august|"
    r"september|october|november|december))\b",
    r"\b(?:day|date|month|year|weekday) (?:is|are) (?:it|we|today|this|tomorrow)\b",
    r"^when is (?:today|now)",
    r"\btime is it\b",
    r"\bwhat is today\b",
    r"\b(?:time|date) (?:please|right now|now|today)\b",
    r"^what is the (?:time|date|day|month|year)$",
    r"^(?:in .* )?what (?:date|day) (?:will|is|was)\b",
)
NOT_TIME = (
    r"\b(?:clock|watch|display|screen|phone|oven|timetable|sign)\b.*\b(?:show|shows|say|says|read)\b",
    r"\b(?:did|see|saw|seen|last|first|were|was|came|zone|payday|vacation|birthday|due|"
    r"expire)\b",
)
ACTION = (
    r"\bwhat (?:\w+ ){1,4}(?:is |are |was |were )?(?:doing|up to)\b",
    r"\bwhat (?:is|are|was|were|am) (?:\w+ ){1,4}(?:doing|up to)\b",
    r"^what (?:is|was|has been) (?:\w+ )?(?:happening|going on)\b",
    r"^what (?:happened|happens) (?:between|to|with)\b",
    r"^what (?:just )?happened just now between",
    r"^(?:is|are|was|were|am) (?:.+ )?<doing>\b",
    r"^did (?:the \w+|he|she|it|they|i|my \w+|that \w+) (?:\w+ )?(?:fall|sit|stand|jump|move|run|"
    r"walk|wave|sleep|eat|drink|dance|turn|wake|laugh|cry|speak|drop|break|open|close)\b",
    r"^what (?:did|does|do) (?:he|she|they|it|the \w+|i|we|this \w+|that \w+) (?:just )?do\b",
    r"\bwhat (?:am|was) i (?:up to|doing|wearing)\b",
    r"\b(?:wears?|wearing|dressed|clothes)\b",
    r"^what (?:is|are) (?:he|she|they|the (?:man|woman|person|people|boy|girl)) "
    r"(?:looking at|pointing at)\b",
    r"\bhow (?:is|are) (?:he|she|they|it|the \w+) (?:moving|sitting|standing)",
)
NOT_ACTION = (
    r"\byou (?:doing|looking|working|sleeping|going|talking|playing|awake)\b",
    r"\bcoming (?:in|back)\b",
    r"^(?:is|are) (?:any\w+|there)\b.*\bwatching\b",
    r"\bi looking at\b",
    r"^(?:and )?what \b.*\b(?:holding|carrying)$",
    r"\bgoing to (?:rain|snow|be)\b",
)
NOT_COUNT = (r"^how many(?: (?:were|are|was|is|did|do|of them|there|you|see|saw))*$",)
COUNT = (
    r"\bhow many\b",
    r"^(?:please )?count\b",
    r"^(?:can|could|would|will) you (?:please )?count (?:the|these|those|all|my|his|her)\b",
    r"\b(?:the )?number of\b",
    r"\bhow much .* (?:is|are) (?:there|in)\b",
    r"^(?:is|are) there (?:more|fewer|less|only|exactly)\b",
    r"^(?:is|are) there (?:two|three|four|five|six|\d+)\b",
)
FEELING = (
    r"^(?:do|does|did|is|are|am|was|were|do you think) (?:i|we|he|she|they|the (?:man|"
    r"woman|person|people|boy|girl|baby|child|guy|lady)|this (?:man|woman|person)|that "
    r"(?:man|woman|person)|any(?:one|body)|some(?:one|body)|my \w+)\b(?: \w+){0,3} "
    r"(?:look(?:ing)? |seem(?:ing)? |feel(?:ing)? )?<emotion>\b",
    r"^how (?:do|does|am|is|are|did) (?:i|he|she|they|we|the (?:man|woman|person|people|"
    r"boy|girl)|my \w+|this person) (?:look|feel|seem|feeling|looking|doing)\b",
    r"\b(?:mood|emotions?|expression|facial expression|feelings? (?:of|does|do)|smil(?:e|"
    r"ing))\b",
    r"\bhow old (?:am|do|does|is|are) (?:i|he|she|they|the)\b",
    r"\b(?:am|do) i (?:look )?(?:too )?(?:sexy|attractive)",
    r"^what do i look like\b",
    r"^(?:guess|estimate) my age",
)
NOT_DRAW = (r"^can you (?:draw|paint|sketch)$",)
DRAW = (
    r"^(?:i (?:want|need|would like|like) (?:you )?(?:to )?(?:see |have |get )?)?(?:can "
    r"you |could you |would you |will you |go )?(?:just |now |quickly )?(?:draw|paint|"
    r"sketch|illustrate|doodle)\b(?!ing)",
    r"\b(?:make|create|generate|produce|render|show me|give me|do|imagine|see|"
    r"design)\b(?: \w+){0,2} (?:a |an |the |some )?(?:\w+ )?(?:picture|image|drawing|"
    r"painting|video|sketch|animation|illustration|photo|film|movie|clip)s? (?:of|with|"
    r"showing|that)\b",
    r"\bdrawing of\b",
)
FOLLOW_UP = (
    r"\b(?:the )?other (?:one|ones|thing|person)\b",
    r"^how many (?:were|are|was|is|did|do|of them|there|you|see|saw)(?: (?:there|you|see|saw|"
    r"them))*$",
    r"^(?:and|but|or|so|then|also)\b",
    r"^(?:what|how) about\b",
    r"^(?:what|who|where|which|anything|anyone|something|nothing|someone) else\b",
    r"\b(?:before|after|since|until|behind|beside|next to|with|under) (?:that|it|this|"
    r"them|then|him|her)\b",
    r"^(?:then|next|before|after|afterwards|why|why not|why is that|how come|how so|since "
    r"when|how do you know|how sure are you|really|seriously|are you (?:really |quite |"
    r"absolutely )?(?:sure|certain|positive)|sure|is that (?:right|true|so|correct)|how "
    r"do you know that|how (?:certain|confident) are you|what makes you (?:say|think) "
    r"(?:that|so)|when|where|which one|which|who|what colour|how many|how long|how often|"
    r"no really)$",
    r"\b(?:the )?(?:other|second|third|next|previous|last|first) (?:one|ones|person|"
    r"thing)\b(?!.*\b(?:you|see|saw|seen|shown|there)\b)",
    r"^what (?:was|came|is|happened) (?:next|then|before|after|afterwards)(?: (?:that|it))?$",
    r"^what (?:came|was|were|is) (?:before|after|next)(?! to\b)",
)
PRONOUN = (r"\b(?:it|its|that one|this one|they|them|he|she|him|her|his)\b",)
PRONOUN_QUESTION = (
    r"^(?:and |but |so )?(?:when|where|which|what colou?r|what kind|what size|is|are|was|were|"
    r"does|did|"
    r"do|has|had|what|who|can|could|will|would)\b",
    r"^(?:and |but |so )?how (?:big|long|many|large|small|tall|often|far|fast|old)\b",
)
EXPLETIVE = (  # in which `it` is no thing
    r"^(?:and |but |so )?(?:is|was|will|does|did) it (?:be |get |look |still |already |really )*"
    r"(?:too |very )?(?:warm|cold|hot|cool|rain\w*|snow\w*|sunny|windy|cloudy|foggy|day|night|"
    r"daytime|nighttime|morning|noon|evening|midnight|late|early|time)\b",
)
DEICTIC = (
    r"^(?:and )?(?:what|who) (?:is|are|was|were) (?:it|this|that|he|she|they|these|those|this one|"
    r"that one)(?: then)?$",
    r"^what (?:does|do) (?:it|they) (?:show|look like)$",
    r"^is (?:it|this|that) (?:an?|the|my|your)\b",
)


def compiled(patterns: Sequence[str]) -> re.Pattern[str]:
    """Return one pattern that finds any of `patterns`."""
    joined = "|".join(patterns)
    for name, words in LISTS.items():
        joined = joined.replace(f"<{name}>", f"(?:{words.replace(' ', '|')})")
    return re.compile(joined)

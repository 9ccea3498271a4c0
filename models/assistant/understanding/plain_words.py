"""The text of the user in a plain form: lower case, long forms, no polite openings."""

import re

CONTRACTIONS = (
    (r"\bcan't\b|\bcannot\b", "can not"),
    (r"\bwon't\b", "will not"),
    (r"\bain't\b", "is not"),
    (r"n't\b", " not"),
    (r"\blet's\b", "let us"),
    (r"\bwhat're\b", "what are"),
    (
        r"\bwhat'?s (it|this|that|(?:the|my|your|this|that) \w+) (say|read|show)\b",
        r"what does \1 \2",
    ),
    (r"\b(what|who|where|when|how|that|it|he|she|there|here|which|this|everything)'s\b", r"\1 is"),
    (r"'m\b", " am"),
    (r"'re\b", " are"),
    (r"'ve\b", " have"),
    (r"'ll\b", " will"),
    (r"'d\b", " would"),
    (r"\b(what|who|where|that)s\b", r"\1 is"),
    (r"\bcolor", "colour"),
    (r"\bu\b", "you"),
    (r"\bur\b", "your"),
    (r"\b(?:wat|wut|waht)\b", "what"),
    (r"\b(?:pls|plz)\b", "please"),
    (
        r"\b(is|are|was|were|if|whether) their\b(?= (?:an?|any|some|no|people)\b)",
        r"\1 there",
    ),
)
# What comes before a question and does not change it.
OPENING = re.compile(
    r"^(?:(?:please|ok|okay|so|well(?! done)|now then|um|uh|er|hm|excuse me|sorry|eyeline|"
    r"(?:(?:can|could|would|will) you |please )*(?:tell|show|remind) (?:me|us)(?: please)?"
    r"(?= (?:what|who|where|when|which|how|if|whether)\b)|"
    r"do you (?:know|remember|think|happen to know)(?= (?:what|who|where|when|which|how|if)\b)|"
    r"(?:can|could) you (?:say|guess|see)(?= (?:what|who|where|when|which|how|if)\b)|"
    r"i (?:wonder|would like to know|want to know)|any idea|"
    r"(?:remember|note)(?: that)?(?= my name is\b))\b ?)+(?:(?:if|whether) )?"
)
WHETHER = re.compile(r"\b(?:if|whether) there\b")
CLOSING = re.compile(r"(?: (?:please|now please|for me|then|mate|thanks|thank you))+$")
GREETING_WORDS = re.compile(
    r"^(?:hi|hello|hey|hiya|howdy|yo|greetings|hallo|good (?:morning|afternoon|evening|day)|"
    r"morning|afternoon|evening)(?: (?:there|again|all|everyone|everybody|eyeline|machine|computer|"
    r"friend|buddy|ai|to you|you))*\b ?"
)


def plain(text: str) -> str:
    """Return `text` in lower case, with long forms, without punctuation and polite openings."""
    words = text.lower().replace("\u2019", "'").strip()
    for pattern, full in CONTRACTIONS:
        words = re.sub(pattern, full, words)
    words = re.sub(r"(?<!\d):|:(?!\d)|[^\w:' -]|_", " ", words)
    words = " ".join(words.replace(" - ", " ").split())
    shorter = CLOSING.sub("", OPENING.sub("", words))
    if WHETHER.search(words):  # whether there is a dog: is there a dog
        shorter = re.sub(r"^there (is|are|was|were)\b", r"\1 there", shorter)
    return shorter or words


def without_greeting(words: str) -> str:
    """Return plain `words` after the greeting that they start with, if there is one."""
    return OPENING.sub("", GREETING_WORDS.sub("", words, count=1))


def is_greeting(words: str) -> bool:
    """Return whether plain `words` start with a greeting."""
    return GREETING_WORDS.match(words) is not None

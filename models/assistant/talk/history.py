"""Answers about the conversation: what was asked and answered before, and the user's name."""

import re
from collections.abc import Sequence

from models.assistant.interface import Exchange
from models.assistant.talk.small_talk import NAME
from models.assistant.talk.wording import listed, sentence

FIRST = "You have not asked me anything before."
QUOTED = 3  # of what was said, in a summary
ABOUT_USER = re.compile(
    r"\b(?:my (?:own )?name|who am i|who i am|call me|know me|remember me|about me)\b|"
    r"\bname\b.* for me$"
)
HOW_MANY = re.compile(r"\b(?:how many|number of) (?:\w+ )?questions?\b")
TALKED = re.compile(r"\b(?:talk|talked|talking|discuss\w*|chat\w*|speak\w*|conversation)\b")
BEGINNING = re.compile(r"\b(?:first|begin\w*|start\w*)\b")
BY_USER = re.compile(
    r"\bi (?:\w+ )?(?:ask|asked|say|said|tell|told|mention\w*)\b|\bi been asking\b|"
    r"\bmy (?:\w+ )?(?:questions?|statement|sentence|remark)\b"
)
WHETHER = re.compile(r"^(?:did|have|had|do|was|is)\b")


def answer(words: str, conversation: Sequence[Exchange]) -> str:
    """Return the answer to plain `words` about the turns in `conversation`, oldest first."""
    if ABOUT_USER.search(words):
        return _name(conversation)
    if not conversation:
        return FIRST
    if HOW_MANY.search(words):
        count = len(conversation)
        return f"You have said {count} thing{'' if count == 1 else 's'} to me before this."
    if TALKED.search(words):
        said = [_quoted(each.question) for each in conversation[-QUOTED:]]
        return sentence(f"you said {listed(said)}")
    if BEGINNING.search(words):
        return sentence(f"the first that I still have is {_quoted(conversation[0].question)}")
    if BY_USER.search(words):
        head = "Yes, you" if WHETHER.search(words) else "You"
        return sentence(f"{head} said {_quoted(conversation[-1].question)}")
    return sentence(f"I said {_quoted(conversation[-1].answer)}")


def _name(conversation: Sequence[Exchange]) -> str:
    """Return the name that the user gave last."""
    told = [found for each in conversation if (found := NAME.search(each.question))]
    if not told:
        return "You have not told me your name, and I recognize no faces."
    return f"You said that your name is {told[-1]['name'].capitalize()}."


def _quoted(text: str) -> str:
    return f'"{" ".join(text.split())}"'

"""Whether what was overheard is said to the assistant: it is quiet while people talk.

A turn of speech may be a question, a request or a greeting, or a remark, as to somebody else. A
remark gets an answer only if it has the assistant's name.
"""

import re
from collections.abc import Sequence

from models.assistant.interface import Exchange
from models.assistant.phrasebook.questions import ForeignQuestion, read_foreign
from models.assistant.understanding.kinds import MAX_CHARACTERS, TextKind, analyze

SHORT = 4  # words of a follow-up that is no whole sentence: and before that
_NAMED = re.compile(r"\beye ?line\b", re.IGNORECASE)
# Sentences that ask for something; recognizers do not always write a question mark.
_ASKING = re.compile(
    r"^(?:(?:and|but|then|also|now|hey|please|maybe) )*(?:what|who|whose|when|where|why|which|how|"
    r"is|are|was|were|am|do|does|did|has|have|can|could|will|would|shall|should|may|might|tell|"
    r"show|describe|explain|give|find|count|name|list|read|repeat|guess|remind|watch|let me know|"
    r"help|stop|turn|play|open|close|write|calculate|translate|search|sing|compare|any(?:thing|one|body)?)\b"
)
# The same, if it is understood: otherwise "I want to go home" would be a request.
_WISHES = re.compile(
    r"^(?:another|make|say|entertain|draw|paint|create|sketch|generate|speak|pardon|let us|got|"
    r"know|again|more|i (?:could use|would like|want|need)|please)\b"
)
# Languages in which a statement may have the words of a question: hay un gato.
_BY_TONE = frozenset(("es", "fr", "it"))
_STATED = re.compile(r"^(?:is|am i) ", re.IGNORECASE)
_SOCIAL = (TextKind.GREETING, TextKind.REQUEST)
_REPLIES = (TextKind.THANKS, TextKind.FAREWELL)  # if there was an answer
_NOT_UNDERSTOOD = (TextKind.REMARK, TextKind.UNKNOWN)


def expects_answer(text: str, conversation: Sequence[Exchange]) -> bool:
    """Return whether somebody who says `text` expects the assistant to answer.

    `conversation` is what was said before, oldest first.
    """
    text = text[:MAX_CHARACTERS].strip()
    if text.endswith(("?", "？", "؟")) or _NAMED.search(text):
        return True
    found = read_foreign(text)
    if found is not None and _is_statement(text, found):
        return False
    text = text if found is None else found.english
    kind, words, _ = analyze(text)
    if kind in _SOCIAL or _ASKING.search(words):
        return True
    if kind in _REPLIES or (kind is TextKind.FOLLOW_UP and len(words.split()) <= SHORT):
        return any(each.answer for each in conversation)
    return kind not in _NOT_UNDERSTOOD and _WISHES.search(words) is not None


def _is_statement(text: str, found: ForeignQuestion) -> bool:
    """Return whether `text` has the words of a question, but ends like a statement."""
    stated = found.language in _BY_TONE and _STATED.match(found.english) is not None
    return stated and text.endswith((".", "!"))

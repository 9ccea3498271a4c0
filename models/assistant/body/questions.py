"""Questions about bodies and hands: how many fingers, am I waving, is someone walking?

Words are those of `understanding.plain_words.plain`.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from models.assistant.body.signs import OF_HANDS, OF_POSTURE, Sign

ME = r"(?:i|me|my)"
SOMEONE = (
    r"(?:he|she|they|it|who|(?:any|some)(?:one|body)|nobody|no one|everyone|"
    r"(?:the|that|this|a) (?:\w+ )?(?:person|man|woman|guy|boy|girl|child|people|men|women|kid|"
    r"lady|user|speaker)|people)"
)
# What makes a sign, after who does it: `am i waving`, `thumbs up`.
SIGNS: tuple[tuple[Sign, str], ...] = (
    (Sign.WAVING, r"wav(?:e|es|ed|ing)(?: (?:at|to) (?:you|me|us|the camera)| my hands?| hello)?"),
    (Sign.WALKING, r"walk(?:s|ed|ing)?(?: around| about| along| up and down| to and fro)?"),
    (Sign.SITTING, r"(?:sit(?:s|ting)?|sat|seated)(?: down)?"),
    (Sign.STANDING, r"(?:stand(?:s|ing)?|stood)(?: up)?"),
    (Sign.LYING, r"(?:lying|lie|lies|laying|lay)(?: down)?"),
    (
        Sign.ARMS_RAISED,
        r"(?:rais\w+|hold\w*|put\w*|lift\w*|stretch\w*) (?:both |up |my |his |her |their |the )*"
        r"(?:arms|hands)(?: up| in the air)?|(?:have )?(?:both |my |his |her |their |the )*"
        r"(?:arms|hands) (?:are )?(?:up|raised|in the air|over (?:my|the) head)",
    ),
    (
        Sign.HAND_RAISED,
        r"(?:rais\w+|hold\w*|put\w*|lift\w*) (?:up )?"
        r"(?:one |my |his |her |their |the |an? |left |right )*(?:hand|arm)(?: up| in the air)?|"
        r"(?:have )?(?:one |my |his |her |their |the |an? |left |right )*(?:hand|arm) "
        r"(?:is )?(?:up|raised|in the air)",
    ),
    (
        Sign.THUMBS_UP,
        r"(?:(?:giv|show|mak|hold)\w* )?(?:you |me |us )?(?:an? |the |two |my )?thumbs? (?:is )?up",
    ),
    (
        Sign.THUMBS_DOWN,
        r"(?:(?:giv|show|mak|hold)\w* )?(?:you |me |us )?(?:an? |the |my )?thumbs? (?:is )?down",
    ),
    (Sign.FIST, r"(?:(?:mak|show|form|clench)\w* )?(?:you )?(?:an? |my |the )?(?:closed )?fist"),
    (
        Sign.VICTORY,
        r"(?:(?:mak|show|giv)\w* )?(?:you )?(?:an? |the )?(?:victory|peace|v)(?: sign)",
    ),
    (Sign.OK, r"(?:(?:mak|show|giv)\w* )?(?:you )?(?:an? |the )?(?:ok|okay)(?: sign| gesture)"),
    (
        Sign.OPEN_HAND,
        r"(?:(?:show|hold)\w* )?(?:you )?(?:up )?(?:an? |my |the )?(?:open (?:hand|palm)|"
        r"flat hand)|(?:hand|palm) (?:is )?open",
    ),
    (Sign.POINTING, r"point(?:s|ed|ing)?(?: \w+){0,3}"),
)
NUMBERS = {
    "one": Sign.ONE_FINGER, "1": Sign.ONE_FINGER, "a": Sign.ONE_FINGER,
    "two": Sign.TWO_FINGERS, "2": Sign.TWO_FINGERS, "three": Sign.THREE_FINGERS,
    "3": Sign.THREE_FINGERS, "four": Sign.FOUR_FINGERS, "4": Sign.FOUR_FINGERS,
    "five": Sign.FIVE_FINGERS, "5": Sign.FIVE_FINGERS,
}  # fmt: skip
FINGERS = re.compile(
    r"(?:(?:show|hold|rais|put|lift)\w* )?(?:you )?(?:up )?"
    r"(?P<count>one|two|three|four|five|a|[1-5]) fingers?(?: up)?"
)
WHICH_HAND = re.compile(
    rf"^(?:which|what) (?:hand|arm) (?:am|is|are|do|does) (?P<who>{ME}|{SOMEONE}) "
    r"(?:rais|lift|hold|put|wav)\w*\b|^(?:which|what) (?:hand|arm) is (?:up|raised)$"
)
SIDE = re.compile(r"\b(?P<side>left|right) (?:hand|arm)\b")
POINTED_AT = re.compile(
    rf"^(?:what|where|who|which (?:way|direction|thing)) (?:am|is|are) (?P<who>{ME}|{SOMEONE}) "
    r"pointing(?: at| to| towards?)?$"
)
HOW_MANY = re.compile(r"^how many fingers\b|\b(?:count|number of) (?:\w+ )?fingers\b|"
                      r"^what number am i (?:showing|holding)")  # fmt: skip
WHICH_GESTURE = re.compile(
    r"^(?:what|which) (?:\w+ )?(?:gesture|sign|hand sign|hand gesture)\b(?!.*\bsay)|"
    r"^what (?:is|are) my hands? (?:doing|showing)|^what am i (?:showing|doing) with my hands?"
)
WHICH_FINGERS = re.compile(r"^which fingers?\b")
POSTURES = re.compile(r"\b(?:sitting|standing|lying)\b.*\bor\b.*\b(?:sitting|standing|lying)\b")
DOING = re.compile(
    rf"^what (?:am|is|are) (?P<who>{ME}|{SOMEONE}) (?:doing|up to)(?: (?:now|right now))?$|"
    r"^what is (?:the )?(?P<posture>my posture|my pose)$"
)
ASKED = re.compile(
    rf"^(?:and )?(?:when )?(?:is|are|am|do|does|can you see|do you see|did|was|were|has|have) "
    rf"(?:(?:that|this|it) )?(?P<who>{ME}|{SOMEONE})? ?(?:still |really |now |currently )?"
    r"(?P<rest>.+?)(?: now| right now| still| at the moment)?$"
)
PAST = re.compile(r"^(?:and )?(?:when |did|was|were|has|have)\b")
BARE = re.compile(r"^(?:is (?:that|this|it) )?(?P<rest>.+)$")


class Asked(StrEnum):
    """What a question about bodies asks for."""

    COUNT = "count"  # of fingers
    GESTURE = "gesture"
    POSTURE = "posture"
    DOING = "doing"
    WHICH_HAND = "which hand"  # is raised
    POINTED_AT = "pointed at"
    SIGN = "sign"  # whether somebody does it


@dataclass(frozen=True, slots=True)
class BodyQuestion:
    """A question about bodies: of the user's own if `own`; `sign` if it asks whether one is seen.

    `past` is whether it asks about all that was seen. `side` is left or right if a hand is named.
    """

    asked: Asked
    own: bool = True
    sign: Sign | None = None
    past: bool = False
    side: str = ""

    @property
    def needs_hands(self) -> bool:
        """Whether hands must be looked for."""
        return self.asked in (Asked.COUNT, Asked.GESTURE) or self.sign in OF_HANDS


def parse_body_question(words: str) -> BodyQuestion | None:
    """Return the question about bodies in plain `words`; None if there is none."""
    if HOW_MANY.search(words) or WHICH_FINGERS.search(words):
        return BodyQuestion(Asked.COUNT)
    if WHICH_GESTURE.search(words):
        return BodyQuestion(Asked.GESTURE)
    for asked, pattern in ((Asked.WHICH_HAND, WHICH_HAND), (Asked.POINTED_AT, POINTED_AT)):
        found = pattern.match(words)
        if found is not None:
            return BodyQuestion(asked, _is_own(found))
    doing = DOING.match(words)
    if doing is not None:
        own = doing["posture"] is not None or re.fullmatch(ME, doing["who"]) is not None
        return BodyQuestion(Asked.DOING, own)
    return _sign_question(words)


def _sign_question(words: str) -> BodyQuestion | None:
    """Return the question whether, or when, somebody does something."""
    question = ASKED.match(words)
    if POSTURES.search(words):
        return BodyQuestion(Asked.POSTURE, _is_own(question))
    if question is None:
        bare = BARE.match(words)
        sign = find_sign(bare["rest"]) if bare else None
        return BodyQuestion(Asked.SIGN, sign=sign) if sign in OF_HANDS else None
    sign = find_sign(question["rest"])
    if sign is None or (question["who"] is None and sign not in OF_HANDS):
        return None
    side = SIDE.search(words) if sign is Sign.HAND_RAISED else None
    past = PAST.match(words) is not None
    return BodyQuestion(Asked.SIGN, _is_own(question), sign, past, side["side"] if side else "")


def find_sign(words: str) -> Sign | None:
    """Return the sign that `words` name, as a verb with its object: wave, raise a hand."""
    words = words.strip()
    fingers = FINGERS.fullmatch(words)
    if fingers is not None:
        return NUMBERS[fingers["count"]]
    return next((sign for sign, pattern in SIGNS if re.fullmatch(pattern, words)), None)


def is_posture(sign: Sign) -> bool:
    return sign in OF_POSTURE


def _is_own(question: re.Match[str] | None) -> bool:
    return question is None or not question["who"] or re.fullmatch(ME, question["who"]) is not None

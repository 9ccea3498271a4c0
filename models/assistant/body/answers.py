"""Answers about bodies and hands, by rule, from what was seen last; honest about what cannot be."""

from collections.abc import Sequence

from models.assistant.body.questions import Asked, BodyQuestion
from models.assistant.body.signs import COUNTED, OF_BODY, OF_HANDS, OF_POSTURE, Sign
from models.assistant.body.watch import Seen
from models.assistant.scene.scene_entry import format_time
from models.assistant.scene.scene_log import LoggedEntry
from models.assistant.talk.wording import listed, sentence
from models.vision.body.fingers import FINGERS, fingers_up, stretched
from models.vision.body.pose import Keypoint
from models.vision.body.posture import raised_sides

NO_HAND = "I cannot see a hand."
NOBODY = "I see nobody now."
UPPER_BODY = "I cannot tell: I do not see enough of the body, only from the head down to the chest."
ARMS_HIDDEN = "I cannot see your arms."
HANDS = ("one hand", "two hands", "three hands", "four hands")


def answer(
    question: BodyQuestion, seen: Seen | None, entries: Sequence[LoggedEntry]
) -> tuple[str, float | None]:
    """Return the answer to `question`, and the time of the moment that it is based on.

    `entries` are those of the scene log up to the question, for what was seen before.
    """
    if question.past and question.sign is not None:
        return _before(question.sign, seen, entries)
    if seen is None:
        return "I have not seen anything yet.", None
    match question.asked:
        case Asked.COUNT:
            return _count(seen), seen.time
        case Asked.GESTURE:
            return _gesture(seen), seen.time
        case Asked.SIGN if question.sign in OF_HANDS:
            return _hand_sign(question.sign, seen), seen.time
        case _:
            return (_body(question, seen) if seen.people else NOBODY), seen.time


def _count(seen: Seen) -> str:
    hands = seen.look.hands
    if not hands:
        return NO_HAND
    count = fingers_up(list(hands))
    if count == 0:
        return "No finger is stretched: I see a closed hand."
    number = Sign(COUNTED[count - 1]).split()[2] if count <= len(COUNTED) else str(count)
    head = f"{number} finger{'' if count == 1 else 's'}"
    if len(hands) > 1:
        return sentence(f"{head}, on {HANDS[len(hands) - 1]}")
    names = [name for name, up in zip(FINGERS, stretched(hands[0]), strict=True) if up]
    return sentence(head if count == len(FINGERS) else f"{head}: the {listed(names)}")


def _gesture(seen: Seen) -> str:
    if not seen.look.hands:
        return NO_HAND
    shown = seen.signs & OF_HANDS
    gestures = [sign for sign in Sign if sign in shown and sign not in COUNTED]
    if gestures:
        return sentence(f"I see {listed([_noun(each) for each in gestures])}")
    return sentence(f"a hand, but no gesture that I know. {_count(seen)}")


def _hand_sign(sign: Sign, seen: Seen) -> str:
    if not seen.look.hands:
        return NO_HAND
    if sign in seen.signs:
        return sentence(f"yes, I see {_noun(sign)}")
    return sentence(f"no. {_count(seen) if sign in COUNTED else _gesture(seen)}")


def _body(question: BodyQuestion, seen: Seen) -> str:
    """Return the answer about the user, who is the largest person, or about anybody."""
    who = seen.people[:1] if question.own else seen.people
    found: frozenset[Sign] = frozenset().union(*who)
    subject = "you are" if question.own else "somebody is"
    if question.asked is Asked.DOING:
        return _doing(found, subject, seen)
    if question.asked is Asked.POSTURE:
        placed = [sign for sign in Sign if sign in found & OF_POSTURE]
        placed = [Sign.STANDING] if not placed and Sign.WALKING in found else placed
        return sentence(f"{subject} {listed(placed)}") if placed else UPPER_BODY
    if question.asked is Asked.POINTED_AT:
        return _pointed_at(found, subject)
    if question.asked is Asked.WHICH_HAND or question.side:
        return _which_hand(question, seen)
    return _sign(question, found, subject, seen)


def _sign(question: BodyQuestion, found: frozenset[Sign], subject: str, seen: Seen) -> str:
    """Return whether somebody does what the question asks for."""
    sign = question.sign
    assert sign is not None
    if sign in found or (sign is Sign.HAND_RAISED and Sign.ARMS_RAISED in found):
        return sentence(f"yes, {subject} {sign}")
    if sign in OF_POSTURE:
        placed = [each for each in Sign if each in found & OF_POSTURE]
        return sentence(f"no, {subject} {listed(placed)}") if placed else UPPER_BODY
    if sign is not Sign.WALKING and not _arms_seen(seen, own=question.own):
        return ARMS_HIDDEN if question.own else "I cannot see anybody's arms."
    rest = _doing(found, subject, seen) if found else ""
    return f"No, not that I can see. {rest}".strip()


def _pointed_at(found: frozenset[Sign], subject: str) -> str:
    if Sign.POINTING in found:
        return sentence(f"{subject} pointing, but I cannot tell at what")
    return f"I do not see that {subject} pointing."


def _which_hand(question: BodyQuestion, seen: Seen) -> str:
    """Return which hand the largest person raises, or whether it is the one that is named."""
    if not _arms_seen(seen, own=True):
        return ARMS_HIDDEN if question.own else "I cannot see anybody's arms."
    raised = raised_sides(seen.look.poses[0])
    whose = "your" if question.own else "their"
    if not raised:
        return "No, I see no raised hand." if question.side else "I see no raised hand."
    said = f"{whose} {' and '.join(raised)} hand{'s' if len(raised) > 1 else ''}"
    if not question.side:
        return sentence(said)
    return sentence(f"{'yes' if question.side in raised else 'no'}, {said}")


def _doing(found: frozenset[Sign], subject: str, seen: Seen) -> str:
    done = [str(sign) for sign in Sign if sign in found & OF_BODY]
    hands = [sign for sign in Sign if sign in seen.signs & OF_HANDS and sign not in COUNTED]
    parts = [*done, *hands]
    if parts:
        return sentence(f"{subject} {listed(parts)}, as far as I can tell from the pose")
    who = "you" if subject.startswith("you") else "a person"
    return (
        f"I see {who}, but no action that I know: I can tell waving, walking, pointing, raised "
        "arms, sitting and standing."
    )


def _before(
    sign: Sign, seen: Seen | None, entries: Sequence[LoggedEntry]
) -> tuple[str, float | None]:
    """Return when `sign` was seen last, by the scene log."""
    times = [entry.scene.time for entry in entries if sign in entry.scene.actions]
    if seen is not None and sign in seen.signs:
        times.append(seen.time)
    if not times:
        watched = "" if sign in OF_BODY - OF_POSTURE else " I look for that only when I am asked."
        return f"No, not that I noticed.{watched}", None
    return sentence(f"yes, I saw somebody {sign} at {format_time(times[-1])}"), times[-1]


def _arms_seen(seen: Seen, *, own: bool) -> bool:
    arms = (Keypoint.LEFT_ELBOW, Keypoint.RIGHT_ELBOW, Keypoint.LEFT_WRIST, Keypoint.RIGHT_WRIST)
    poses = seen.look.poses[:1] if own else seen.look.poses
    return any(pose.place(each) is not None for pose in poses for each in arms)


def _noun(sign: Sign) -> str:
    """Return what is shown: a fist, three fingers."""
    words = sign.split()
    return " ".join(words[2:] if words[:2] == ["holding", "up"] else words[1:])

"""What people do and show, as words: the signs that looks find, requests wait for, answers name."""

from enum import StrEnum


class Sign(StrEnum):
    """Something that a person does; the value follows "is" in a sentence."""

    STANDING = "standing"
    SITTING = "sitting"
    LYING = "lying down"
    WALKING = "walking"
    WAVING = "waving"
    HAND_RAISED = "raising a hand"
    ARMS_RAISED = "holding both arms up"
    POINTING = "pointing"
    FIST = "showing a fist"
    OPEN_HAND = "showing an open hand"
    THUMBS_UP = "giving a thumbs up"
    THUMBS_DOWN = "giving a thumbs down"
    FINGER = "showing a pointing finger"
    VICTORY = "showing a victory sign"
    OK = "showing an OK sign"
    ONE_FINGER = "holding up one finger"
    TWO_FINGERS = "holding up two fingers"
    THREE_FINGERS = "holding up three fingers"
    FOUR_FINGERS = "holding up four fingers"
    FIVE_FINGERS = "holding up five fingers"


COUNTED = (
    Sign.ONE_FINGER,
    Sign.TWO_FINGERS,
    Sign.THREE_FINGERS,
    Sign.FOUR_FINGERS,
    Sign.FIVE_FINGERS,
)
OF_POSTURE = frozenset({Sign.STANDING, Sign.SITTING, Sign.LYING})
OF_BODY = OF_POSTURE | {
    Sign.WALKING,
    Sign.WAVING,
    Sign.HAND_RAISED,
    Sign.ARMS_RAISED,
    Sign.POINTING,
}
OF_HANDS = frozenset(Sign) - OF_BODY
LOGGED = OF_BODY - {Sign.STANDING}  # actions that a line of the scene log names, on change

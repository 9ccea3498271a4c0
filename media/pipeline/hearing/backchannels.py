"""What is said while the service speaks and is no turn: agreement, hesitation, a cough. Pure.

The words are English: in another language what is said briefly interrupts, unless the recognizer
hears no words or doubts them.

Source: Yngve 1970, who called it the back channel.
"""

import re

INTERRUPTION = 0.7  # seconds of speech that interrupt, whatever is said
EARLY = (0.35, 0.5)  # seconds of speech after which its words so far may interrupt
EARLY_SURE = 0.5  # probability of the last of these: it may be cut
MAX_WORDS = 3
MIN_SURE = 0.35  # probability of a word: what is hummed is recognized as any word, with doubt
COMMANDS = frozenset(
    ("cancel", "enough", "hey", "hold", "no", "pause", "quiet", "stop", "wait", "what")
)
ALONE = (
    "ah aha alright cool exactly fine good great hm hmm huh interesting m mhm mm mmm nice oh ok "
    "okay ooh really right sure totally true uh um well wow ya yah yay yeah yep yes yup"
)
WORDS = frozenset(ALONE.split())
PHRASES = frozenset(
    (
        "",  # a cough, a chair
        "all right",
        "got it",
        "i see",
        "of course",
        "thank you",  # what Whisper tends to hear in a noise, as the next
        "thanks",
        "you",
    )
)


def is_backchannel(text: str, sure: float = 1.0) -> bool:
    """Return whether brief speech, recognized as `text`, leaves the floor to the service.

    `sure` is the probability of its last word.
    """
    words = re.sub(r"[^\w\s]", "", text.lower().replace("-", " ")).split()
    if " ".join(words) in PHRASES or (sure < MIN_SURE and COMMANDS.isdisjoint(words)):
        return True
    return len(words) <= MAX_WORDS and all(word in WORDS for word in words)


def early_looks(voiced: float) -> int:
    """Return how often the words are asked for within `voiced` seconds of speech that goes on."""
    return sum(each <= voiced for each in EARLY)


def interrupts_early(text: str, sure: float) -> bool:
    """Return whether speech that goes on, recognized as `text` so far, takes the floor at once.

    `sure` is the probability of its last word.
    """
    words = re.findall(r"[\w']+", text.lower())
    told = sure >= EARLY_SURE or not COMMANDS.isdisjoint(words)
    return told and not is_backchannel(text, sure)

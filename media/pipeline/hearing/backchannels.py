"""What is said while the service speaks and is no turn: agreement, hesitation, a cough. Pure.

English only: in other languages what is said briefly interrupts, unless it has no words.

Source: Yngve 1970, who called it the back channel.
"""

import re

INTERRUPTION = 0.7  # seconds of speech that interrupt, whatever is said
MAX_WORDS = 3
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


def is_backchannel(text: str) -> bool:
    """Return whether brief speech, recognized as `text`, leaves the floor to the service."""
    words = re.sub(r"[^\w\s]", "", text.lower().replace("-", " ")).split()
    if " ".join(words) in PHRASES:
        return True
    return len(words) <= MAX_WORDS and all(word in WORDS for word in words)

"""How long a pause ends a turn, by what was said so far and how eager the service is: pure."""

from media.events.hearing import Eagerness

# Seconds of silence that end a turn whose words are complete, and one whose words are not.
LIMITS: dict[Eagerness, tuple[float, float]] = {
    "low": (0.7, 3.0),
    "medium": (0.4, 1.8),
    "auto": (0.4, 1.8),
    "high": (0.25, 1.1),
}
INCOMPLETE, COMPLETE = 0.15, 0.65  # probabilities, beyond which nothing changes


def patience(complete: float, eagerness: Eagerness) -> float:
    """Return the seconds of silence that end a turn whose words are `complete` in [0, 1]."""
    shortest, longest = LIMITS[eagerness]
    missing = (COMPLETE - complete) / (COMPLETE - INCOMPLETE)
    return shortest + (longest - shortest) * min(1.0, max(0.0, missing))

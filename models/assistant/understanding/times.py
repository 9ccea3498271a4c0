"""Times in a question: at 1:05, ten seconds ago."""

import re

NUMBERS = {
    "a": 1.0, "an": 1.0, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0,
    "seven": 7.0, "eight": 8.0, "nine": 9.0, "ten": 10.0, "fifteen": 15.0, "twenty": 20.0,
    "thirty": 30.0, "half a": 0.5, "a few": 3.0, "a couple of": 2.0,
}  # fmt: skip
UNITS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "moment": 3.0, "while": 30.0}  # seconds
AGO = re.compile(
    rf"\b(?P<count>\d{{1,6}}|{'|'.join(sorted(NUMBERS, key=len, reverse=True))}) "
    rf"(?P<unit>{'|'.join(UNITS)})s? (?:ago|before now|earlier|back)\b"
)
EARLIER_DAY = re.compile(r"\b(?:yesterday|last (?:night|week|month|year)|the other day)\b")
DAY = 86_400.0  # seconds
CLOCK = re.compile(r"\b(?:(\d{1,3}):)?(\d{1,2}):(\d\d)\b")
SECOND = re.compile(r"\bat (?:second (\d{1,6})|(\d{1,6}) seconds?)\b")


def parse_time(words: str) -> tuple[float, bool] | None:
    """Return a time in plain `words` in seconds, and whether it is before the question."""
    ago = AGO.search(words)
    if ago is not None:
        count = NUMBERS.get(ago["count"])
        return (float(ago["count"]) if count is None else count) * UNITS[ago["unit"]], True
    if EARLIER_DAY.search(words):
        return DAY, True
    clock, second = last_clock_time(words), SECOND.search(words)
    if clock is not None:
        return clock, False
    return None if second is None else (float(second[1] or second[2]), False)


def last_clock_time(text: str) -> float | None:
    """Return the last time such as 1:05 in `text`, in seconds."""
    found = CLOCK.findall(text)
    if not found:
        return None
    hours, minutes, seconds = found[-1]
    return int(hours or 0) * 3600.0 + int(minutes) * 60 + int(seconds)

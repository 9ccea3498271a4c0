"""Captions as subtitle files: WebVTT, SubRip, JSON and plain text."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import indent
from types import MappingProxyType
from typing import Literal
from unicodedata import east_asian_width

from media.events.hearing import CaptionWord

SubtitleFormat = Literal["vtt", "srt", "json", "text"]
MEDIA_TYPES: dict[SubtitleFormat, str] = {
    "vtt": "text/vtt",
    "srt": "application/x-subrip",
    "json": "application/json",
    "text": "text/plain",
}
FILE_FORMATS: dict[str, SubtitleFormat] = {
    "vtt": "vtt",
    "srt": "srt",
    "json": "json",
    "txt": "text",
}  # by the ending of a file's name

MAX_SECONDS = 6.0  # of a cue, BBC subtitle guidelines: two full lines take 6 s to read
MAX_CHARACTERS = 84  # columns of a cue: two lines of 42, half as many letters of Chinese
PAUSE = 0.8  # seconds of silence that start a new cue
SENTENCE_ENDS = (".", "?", "!", "。", "？", "！", "؟", "।")
NO_NAMES: Mapping[int, str] = MappingProxyType({})  # of speakers, by number


@dataclass(frozen=True, slots=True)
class Cue:
    """Text that is shown from `start` to `end`, in seconds of media time."""

    start: float
    end: float
    text: str
    words: tuple[CaptionWord, ...] = ()
    speaker: str = ""


def speaker_names(
    words: Iterable[CaptionWord], given: Mapping[int, str] = NO_NAMES
) -> dict[int, str]:
    """Return the names to show for the speakers of `words`; none if one person speaks alone.

    Those without a name of `given` are "speaker 1" and so on.
    """
    numbers = sorted({word.speaker for word in words} - {0})
    if max(numbers, default=0) < 2:  # who speaks first has no number until somebody else does
        return {}
    return {number: given.get(number, f"speaker {number}") for number in numbers}


def make_cues(words: Iterable[CaptionWord], names: Mapping[int, str] = NO_NAMES) -> list[Cue]:
    """Return `words` as cues, split at pauses, ends of sentences and length limits.

    A cue is of one speaker, who has one of `names` by number, or none.
    """
    cues: list[Cue] = []
    line: tuple[CaptionWord, ...] = ()
    for word in words:
        line, complete = add_word(line, word, names)
        cues += complete
    return [*cues, make_cue(line, names)] if line else cues


def add_word(
    line: tuple[CaptionWord, ...], word: CaptionWord, names: Mapping[int, str] = NO_NAMES
) -> tuple[tuple[CaptionWord, ...], list[Cue]]:
    """Return the words of the cue in progress after `word`, and the cue that it completes."""
    if line and _is_full(line, word):
        return (word,), [make_cue(line, names)]
    return (*line, word), []


def make_cue(words: Sequence[CaptionWord], names: Mapping[int, str] = NO_NAMES) -> Cue:
    text = "".join(word.text for word in words).strip()
    end = max(words[0].start + 0.1, words[-1].end)
    return Cue(words[0].start, end, text, tuple(words), names.get(words[0].speaker, ""))


def _is_full(line: Sequence[CaptionWord], word: CaptionWord) -> bool:
    text = "".join(each.text for each in [*line, word]).strip()
    seconds = word.end - line[0].start
    sentence_over = (
        line[-1].text.rstrip().endswith(SENTENCE_ENDS) and line[-1].end - line[0].start > 1.0
    )
    return (
        word.speaker != line[-1].speaker
        or sentence_over
        or seconds > MAX_SECONDS
        or _columns(text) > MAX_CHARACTERS
        or word.start - line[-1].end > PAUSE
    )


def _columns(text: str) -> int:
    """Return how many columns `text` takes: two for a letter of Chinese or Japanese."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def format_cues(cues: Sequence[Cue], format: SubtitleFormat) -> str:
    blocks = [format_cue(cue, number, format) for number, cue in enumerate(cues)]
    return "".join([opening(format), *blocks, closing(len(cues), format)])


def opening(format: SubtitleFormat) -> str:
    """Return what a file has before its first cue."""
    return {"vtt": "WEBVTT\n", "json": "["}.get(format, "")


def format_cue(cue: Cue, number: int, format: SubtitleFormat) -> str:
    """Return what cue `number`, counted from 0, adds to a file."""
    match format:
        case "vtt":
            times = f"{_timestamp(cue.start)} --> {_timestamp(cue.end)}"
            return f"\n{times}\n{_voice(cue)}{_escaped(cue.text)}\n"
        case "srt":
            times = f"{_timestamp(cue.start, ',')} --> {_timestamp(cue.end, ',')}"
            return ("\n" if number else "") + f"{number + 1}\n{times}\n{labelled(cue)}\n"
        case "json":
            fields = json.dumps(_fields(cue), indent=1, ensure_ascii=False)
            return (",\n" if number else "\n") + indent(fields, " ")
        case "text":
            return f"{labelled(cue)}\n"


def labelled(cue: Cue) -> str:
    """Return the text of `cue` after its speaker, if it has one."""
    return f"{cue.speaker}: {cue.text}" if cue.speaker else cue.text


def closing(count: int, format: SubtitleFormat) -> str:
    """Return what a file with `count` cues has after the last."""
    if format != "json":
        return ""
    return "\n]\n" if count else "]\n"


class SubtitleWriter:
    """Writes cues as their words come, with `write`; `end` is the time of the last one.

    Speakers are named from the second one on: what was written before stays as it is.
    """

    def __init__(self, write: Callable[[str], object], format: SubtitleFormat) -> None:
        self.count, self.end = 0, 0.0
        self._write, self._format = write, format
        self._line: tuple[CaptionWord, ...] = ()
        self._speakers: dict[int, CaptionWord] = {}  # a word of each

    def add(self, words: Iterable[CaptionWord]) -> None:
        for word in words:
            self._speakers.setdefault(word.speaker, word)
            names = speaker_names(self._speakers.values())
            self._line, complete = add_word(self._line, word, names)
            for cue in complete:
                self._add_cue(cue)

    def close(self) -> None:
        """Write the cue in progress, and the end of the file."""
        if self._line:
            self._add_cue(make_cue(self._line, speaker_names(self._speakers.values())))
            self._line = ()
        rest = closing(self.count, self._format)
        self._write(rest if self.count else opening(self._format) + rest)

    def _add_cue(self, cue: Cue) -> None:
        before = "" if self.count else opening(self._format)
        self._write(before + format_cue(cue, self.count, self._format))
        self.count, self.end = self.count + 1, cue.end


def _fields(cue: Cue) -> dict[str, object]:
    words = [{"text": w.text.strip(), "start": w.start, "end": w.end} for w in cue.words]
    fields = {"start": cue.start, "end": cue.end, "text": cue.text, "words": words}
    return {**fields, "speaker": cue.speaker} if cue.speaker else fields


def _timestamp(time: float, point: str = ".") -> str:
    milliseconds = round(time * 1000)
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{milliseconds:03}"


def _voice(cue: Cue) -> str:
    """Return the voice span that `cue` begins with, if its speaker is known."""
    return f"<v {_escaped(cue.speaker)}>" if cue.speaker else ""


def _escaped(text: str) -> str:
    """Return `text` as WebVTT cue text, W3C WebVTT section 4.2.2."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

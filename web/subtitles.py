"""Captions as subtitle files: WebVTT, SubRip, JSON and plain text."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from media.events import CaptionWord

SubtitleFormat = Literal["vtt", "srt", "json", "text"]
MEDIA_TYPES: dict[SubtitleFormat, str] = {
    "vtt": "text/vtt",
    "srt": "application/x-subrip",
    "json": "application/json",
}

MAX_SECONDS = 6.0  # of a cue, BBC subtitle guidelines: two full lines take 6 s to read
MAX_CHARACTERS = 84  # of a cue: two lines of 42
PAUSE = 0.8  # seconds of silence that start a new cue
SENTENCE_ENDS = (".", "?", "!")


@dataclass(frozen=True, slots=True)
class Cue:
    """Text that is shown from `start` to `end`, in seconds of media time."""

    start: float
    end: float
    text: str
    words: tuple[CaptionWord, ...] = ()


def make_cues(words: Iterable[CaptionWord]) -> list[Cue]:
    """Return `words` as cues, split at pauses, ends of sentences and length limits."""
    cues: list[Cue] = []
    line: list[CaptionWord] = []
    for word in words:
        if line and _is_full(line, word):
            cues.append(make_cue(line))
            line = []
        line.append(word)
    if line:
        cues.append(make_cue(line))
    return cues


def make_cue(words: Sequence[CaptionWord]) -> Cue:
    text = "".join(word.text for word in words).strip()
    return Cue(words[0].start, max(words[0].start + 0.1, words[-1].end), text, tuple(words))


def _is_full(line: list[CaptionWord], word: CaptionWord) -> bool:
    text = "".join(each.text for each in [*line, word]).strip()
    seconds = word.end - line[0].start
    sentence_over = (
        line[-1].text.rstrip().endswith(SENTENCE_ENDS) and line[-1].end - line[0].start > 1.0
    )
    return (
        sentence_over
        or seconds > MAX_SECONDS
        or len(text) > MAX_CHARACTERS
        or word.start - line[-1].end > PAUSE
    )


def format_cues(cues: Sequence[Cue], format: SubtitleFormat) -> str:
    match format:
        case "vtt":
            blocks = [
                f"{_timestamp(c.start)} --> {_timestamp(c.end)}\n{_escaped(c.text)}\n" for c in cues
            ]
            return "\n".join(["WEBVTT\n", *blocks])
        case "srt":
            blocks = [
                f"{n}\n{_timestamp(c.start, ',')} --> {_timestamp(c.end, ',')}\n{c.text}\n"
                for n, c in enumerate(cues, start=1)
            ]
            return "\n".join(blocks)
        case "json":
            return json.dumps([_fields(cue) for cue in cues], indent=1, ensure_ascii=False) + "\n"
        case "text":
            return "".join(f"{cue.text}\n" for cue in cues)


def _fields(cue: Cue) -> dict[str, object]:
    words = [{"text": w.text.strip(), "start": w.start, "end": w.end} for w in cue.words]
    return {"start": cue.start, "end": cue.end, "text": cue.text, "words": words}


def _timestamp(time: float, point: str = ".") -> str:
    milliseconds = round(time * 1000)
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{milliseconds:03}"


def _escaped(text: str) -> str:
    """Return `text` as WebVTT cue text, W3C WebVTT section 4.2.2."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

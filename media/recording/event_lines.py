"""The lines of `events.jsonl`: a flat JSON object with a position, a kind and an event's fields.

`audio` is the index of the audio sample, and `video` the 90 kHz tick, that the event came after.
"""

import base64
import json
import logging
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from media.dialogue import NO_DIALOGUE
from media.errors import UnreadableMediaError
from media.events.answers import Announce, Cancel, Question
from media.events.generation import (
    ClearTrack,
    GenerationConfig,
    LooksChange,
    PromptChange,
    TrackPoints,
)
from media.events.hearing import AudioPaused, Clear, Commit, ListeningConfig
from media.events.session import EventInput
from media.events.speakers import NameSpeaker
from media.frames import Gap
from media.recording.layout import check_recording

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AudioGap:
    """`samples` samples of audio are missing here."""

    samples: int


@dataclass(frozen=True, slots=True)
class StandIn:
    """The frame before is repeated here as a substitute; `stands_at` counts ticks of 90 kHz."""

    stands_at: int


RecordedMark = AudioGap | StandIn  # of what is not in the files of media
KINDS: dict[str, type[EventInput | RecordedMark]] = {
    "hole": AudioGap,
    "substitute": StandIn,
    "question": Question,
    "say": Announce,
    "cancel": Cancel,
    "commit": Commit,
    "clear": Clear,
    "pause": AudioPaused,
    "gap": Gap,
    "listening": ListeningConfig,
    "name": NameSpeaker,
    "prompt": PromptChange,
    "looks": LooksChange,
    "track": TrackPoints,
    "untrack": ClearTrack,
    "generation": GenerationConfig,
}


class EventLine(BaseModel):
    """One line: an input, a gap in the audio or a repeated frame, with its position."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, val_json_bytes="base64")

    audio: int
    video: int
    event: Any


# Of a JSON text: an escaped backslash, a surrogate pair, or half of a pair (the group).
_SURROGATES = re.compile(r"\\\\|\\u(?i:d[89ab]..\\ud[c-f]..|(d[89a-f]..))")
_FIELDS: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_LINES = {
    kind: create_model(kind, __base__=EventLine, event=event) for kind, event in KINDS.items()
}


def format_line(event: EventInput | RecordedMark, *, audio: int, video: int) -> str:
    kind = next(name for name, kind in KINDS.items() if isinstance(event, kind))
    fields = asdict(event)
    if isinstance(event, ListeningConfig) and event.speakers:
        del fields["speakers"]
    if isinstance(event, Announce) and event.language == "en":
        del fields["language"]
    if isinstance(event, LooksChange):
        for look in fields["looks"]:
            look["file"] = base64.b64encode(look["file"]).decode()
    if isinstance(event, Question):
        del fields["outside"]  # nothing interrupts a replay
        if not event.overheard:
            del fields["overheard"]
        if event.dialogue == NO_DIALOGUE:
            del fields["dialogue"]
        fields["pictures"] = [base64.b64encode(image).decode() for image in event.pictures]
    return json.dumps({"audio": audio, "video": video, "kind": kind, **fields}) + "\n"


def parse_line(text: str) -> EventLine:
    """Return the event of a line.

    Half of a surrogate pair, which clients may send, becomes U+FFFD: pydantic refuses it.

    Raises:
        ValueError: the line is not JSON, or a field is missing, unknown or of another type.
    """
    text = _SURROGATES.sub(lambda match: r"\ufffd" if match[1] else match[0], text)
    fields = _FIELDS.validate_json(text)
    kind = str(fields.pop("kind", None))
    if kind not in _LINES:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind}")
    position = {name: fields.pop(name) for name in ("audio", "video") if name in fields}
    # As JSON again: only there are arrays read as tuples and base64 as bytes in strict mode.
    return _LINES[kind].model_validate_json(json.dumps({**position, "event": fields}))


def read_lines(path: Path) -> list[EventLine]:
    """Return the lines of `events.jsonl`.

    A last line that is cut short, because the process died while it was written, is left out.

    Raises:
        UnreadableMediaError: there is no such file, or a line in it is not valid.
    """
    check_recording(path.parent)
    lines = []
    content = path.read_bytes().decode(errors="replace")
    for number, text in enumerate(content.splitlines(keepends=True), start=1):
        try:
            lines.append(parse_line(text))
        except ValueError as error:
            if not text.endswith("\n"):
                logger.warning("%s, line %d: cut short, left out", path, number)
                break
            raise UnreadableMediaError(f"{path}, line {number}: {_message(error)}") from error
    return lines


def _message(error: ValueError) -> str:
    """Return an error in one line: the first of a validation, with the name of its field."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"] if part != "event")
    return f"{field}: {first['msg']}" if field else first["msg"]

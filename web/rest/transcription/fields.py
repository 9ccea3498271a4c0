"""The form of a transcription request, as the SDKs of several languages write it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast, get_args

from starlette.datastructures import FormData

from media.pipeline.models.languages import AUTO
from models.asr.languages.codes import language_code
from web.problems import ProblemError

ResponseFormat = Literal["json", "text", "verbose_json", "diarized_json", "srt", "vtt"]
GRANULARITIES = ("word", "segment")
REPEATED = re.compile(r"timestamp_granularities(\[\d*\])?")  # also [], and [0], [1] ...
TRUE = ("true", "1", "yes", "on")
FALSE = ("false", "0", "no", "off")


@dataclass(frozen=True, slots=True)
class TranscriptionFields:
    """What a request asks for; the service chooses the language if `language` is empty.

    With AUTO it is detected. `track` is the number of a sound track from 1, None leaves it to the
    service. With `speakers` voices are told apart.
    """

    format: ResponseFormat
    language: str
    streamed: bool
    word_times: bool
    track: int | None = None
    speakers: bool = True


def parse_fields(form: FormData) -> TranscriptionFields:
    """Return the fields of `form` but its file.

    Raises:
        ProblemError: one of them is wrong.
    """
    return TranscriptionFields(
        format=_response_format(form),
        language=_language(form),
        streamed=_text(form, "stream").lower() in TRUE,
        word_times="word" in set(_granularities(form)),
        track=_track(form),
        speakers=_speakers(form),
    )


def _response_format(form: FormData) -> ResponseFormat:
    format = _text(form, "response_format") or "json"
    if format not in get_args(ResponseFormat):
        expected = ", ".join(get_args(ResponseFormat))
        raise ProblemError(
            400,
            f"response_format: expected one of {expected}, got {format[:40]!r}",
            param="response_format",
        )
    return cast("ResponseFormat", format)


def _speakers(form: FormData) -> bool:
    text = _text(form, "speakers").lower() or "on"
    if text not in (*TRUE, *FALSE):
        raise ProblemError(
            400, f"speakers: expected on or off, got {text[:40]!r}", param="speakers"
        )
    return text in TRUE


def _track(form: FormData) -> int | None:
    text = _text(form, "track")
    if not text:
        return None
    if not re.fullmatch("[1-9][0-9]{0,2}", text):
        raise ProblemError(
            400,
            f"track: expected the number of a sound track, from 1, got {text[:40]!r}",
            param="track",
        )
    return int(text)


def _language(form: FormData) -> str:
    text = _text(form, "language")
    code = language_code(text)
    if code is None:
        raise ProblemError(
            400,
            f"language: expected auto, a code such as en or en-US, or a name, got {text[:40]!r}",
            param="language",
        )
    return AUTO if text and not code else code


def _granularities(form: FormData) -> Iterator[str]:
    """Yield the granularities: a repeated field, a JSON list, or a list with commas."""
    for name, value in form.multi_items():
        if not REPEATED.fullmatch(name) or not isinstance(value, str):
            continue
        for each in _listed(value):
            if each not in GRANULARITIES:
                raise ProblemError(
                    400,
                    f"timestamp_granularities: expected {' or '.join(GRANULARITIES)}, "
                    f"got {each[:40]!r}",
                    param="timestamp_granularities",
                )
            yield each


def _listed(value: str) -> list[str]:
    if value.lstrip().startswith("["):
        try:
            return [str(each) for each in json.loads(value)]
        except (ValueError, RecursionError):
            return [value]
    return [each.strip() for each in value.split(",") if each.strip()]


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""

"""Errors of an outside model. The message says to the user what is wrong, and what to do.

OutsideError            there is no answer, or no rest of it
  RefusedError          the server refuses the request as it is
  BusyError             the server asks to come again later
AnswerStoppedError      the answer is not wanted any more
"""

import json
import re
from collections.abc import Mapping

from media.errors import MediaError

MAX_DETAIL = 300  # characters of what a server says that are passed on
KEY_REFUSED = (401, 403)
BUSY = (429, 503)
MOVED = (301, 302, 303, 307, 308)
PICTURES = re.compile(
    r"image|picture|vision|visual|multi-?modal|mmproj|content part", re.IGNORECASE
)
SOON = 1.0  # seconds after which a server is asked again that does not say when


class OutsideError(MediaError):
    """The outside model does not answer."""


class RefusedError(OutsideError):
    """The server refuses the request: another one, without pictures, may be taken.

    `lasting` is whether the next one would be refused, too.
    """

    def __init__(self, message: str, *, lasting: bool) -> None:
        super().__init__(message)
        self.lasting = lasting


class BusyError(OutsideError):
    """The server has no room now; it asks to come again after `seconds`."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class AnswerStoppedError(MediaError):
    """The answer was stopped from outside while the next item was awaited."""


def error_of_status(
    model: str, status: int, headers: Mapping[str, str], body: bytes
) -> OutsideError:
    """Return the error of a response with an HTTP `status` other than 200."""
    said = f"HTTP {status}{_detail(body)}"
    if status in KEY_REFUSED:
        return OutsideError(f"{model} refuses the key: check EYELINE_ANSWERS_KEY ({said})")
    if status == 404:
        return OutsideError(
            f"{model} is not there: check EYELINE_ANSWERS_MODEL and EYELINE_ANSWERS_URL ({said})"
        )
    if status in BUSY:
        return BusyError(f"{model} is busy ({said})", _seconds(headers.get("retry-after", "")))
    if status in MOVED:
        place = headers.get("location", "nowhere")[:MAX_DETAIL]
        return OutsideError(
            f"{model} is not there but at {place}: change EYELINE_ANSWERS_URL ({said})"
        )
    lasting = status < 500 or PICTURES.search(said) is not None
    return RefusedError(f"{model} refuses the question ({said})", lasting=lasting)


def _detail(body: bytes) -> str:
    """Return what a server says about an error: `error.message` of JSON, or its text."""
    text = body.decode(errors="replace")
    try:
        error = json.loads(text)
        while isinstance(error, dict):
            error = error.get("error", error.get("message", error.get("detail", "")))
        text = str(error).encode(errors="replace").decode()  # JSON may have half characters
    except (ValueError, RecursionError):
        pass
    said = " ".join(text.split())
    return f": {said[:MAX_DETAIL]}" if said else ""


def _seconds(text: str) -> float:
    """Return a Retry-After in seconds; `SOON` if it is a date, or nothing."""
    try:
        return max(0.0, float(text))
    except ValueError:
        return SOON

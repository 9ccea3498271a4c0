"""The captions in the history of a recording, with the speakers that were found out later."""

from collections.abc import Iterable

from pydantic import TypeAdapter, ValidationError

from media.events.hearing import Caption
from media.events.speakers import Speakers
from web.history.caption_log import CaptionLog
from web.history.entries import Fields

_CAPTION = TypeAdapter(Caption)
_SPEAKERS = TypeAdapter(Speakers)


def recorded_captions(entries: Iterable[Fields]) -> CaptionLog:
    """Return the captions among `entries`; entries that were damaged are left out."""
    log = CaptionLog()
    for entry in entries:
        try:
            if entry["type"] == "eyeline.caption":
                log.kept.append(_caption(entry))
            elif entry["type"] == "eyeline.speakers":
                log.note(_speakers(entry))
        except (KeyError, TypeError, ValidationError):
            continue
    return log


def _caption(entry: Fields) -> Caption:
    words = [{**word, "speaker": word.get("speaker") or 0} for word in entry["words"]]
    names = ("turn", "stable", "start", "end", "heard", "final", "language")
    return _CAPTION.validate_python({name: entry[name] for name in names} | {"words": words})


def _speakers(entry: Fields) -> Speakers:
    names = [(each["number"], each["name"]) for each in entry["speakers"]]
    return _SPEAKERS.validate_python({"names": names, "corrected": entry["corrected"]})

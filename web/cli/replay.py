"""Recordings and media files through the pipeline: `eyeline replay`."""

import asyncio
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from media.dialogue import AnswerNotice
from media.events.answers import Answer, Speech
from media.events.generation import GeneratedImage, GenerationStatus
from media.events.hearing import Caption, CaptionWord, HearingNotice
from media.events.session import Output
from media.events.vision import Degraded, Relevance, Remembered, RequestMet, StandingRequests
from media.files.report import DecodingReport
from media.frames import Gap, VideoFrame
from web.cli.sound_track import checked_media, heard_track, tell
from web.config import Settings
from web.loading.models import load_models
from web.rerun import run_recording
from web.temporary_folder import delete_abandoned, temporary_folder

# `--json` names these outputs differently from their classes.
KINDS: dict[type, str] = {
    Degraded: "Trouble",
    GeneratedImage: "Picture",
    GenerationStatus: "Drawing",
    RequestMet: "Noticed",
    StandingRequests: "Standing",
}


def replay(
    settings: Settings, path: Path, *, track: int | None = None, realtime: bool, as_json: bool
) -> int:
    """Run `path` through a session and print its outputs as lines; return 0.

    `track` is the number of the sound track, None chooses one. With `realtime`, time passes as in
    the recording and late media are dropped as in a live session. Without, nothing is dropped and
    the output is always the same.
    """
    checked_media(path, max_duration=settings.max_media_hours * 3600, track=track)
    whole = WholeAnswers()

    async def show(output: Output) -> None:
        line = json.dumps(as_fields(output)) if as_json else as_line(whole.join(output))
        if line:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    delete_abandoned(settings.memory_folder)
    report = DecodingReport()
    with (
        temporary_folder(settings.memory_folder) as memory,
        load_models(settings, "replay") as models,
    ):
        track = track or heard_track(models.services.detector.model, path)
        asyncio.run(
            run_recording(
                models,
                settings,
                path,
                show,
                realtime=realtime,
                memory=memory,
                track=track,
                report=report,
            )
        )
    tell(report.left_out)
    return 0


class WholeAnswers:
    """Joins the pieces of each answer."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def join(self, output: Output) -> Output:
        """Return `output`; the last piece of an answer comes with all of its text."""
        if not isinstance(output, Answer):
            return output
        text = self._texts.pop(output.id, "") + output.text
        if output.status == "streaming":
            self._texts[output.id] = text
            return output
        return replace(output, text=text)


def as_fields(output: Output) -> dict[str, Any]:
    """Return `output` as JSON fields; frames and audio only with their times and sizes."""
    kind = KINDS.get(type(output), type(output).__name__)
    match output:
        case VideoFrame():
            return {"kind": kind, "time": output.time, "shape": list(output.pixels.shape)}
        case GeneratedImage():
            return {"kind": kind, "time": output.time, "number": output.number}
        case Speech():
            samples = 0 if output.chunk is None else len(output.chunk.samples)
            return {"kind": kind, "id": output.id, "samples": samples, "status": output.status}
        case Remembered():
            return {"kind": kind, **asdict(output.moment)}
        case Relevance():
            values = output.values.round(3).tolist()
            return {"kind": kind, "time": output.time, "about": output.about, "values": values}
        case Caption():
            return {"kind": kind, **asdict(output), "words": [_word(each) for each in output.words]}
        case _:
            return {"kind": kind, **asdict(output)}


def _word(word: CaptionWord) -> dict[str, Any]:
    """Return a word as JSON fields; without a speaker if nothing tells, or one speaks alone."""
    fields = asdict(word)
    return fields if word.speaker else {k: v for k, v in fields.items() if k != "speaker"}


def as_line(output: Output) -> str:
    """Return `output` as a line of text, empty for outputs of no interest to users."""
    match output:
        case Caption() if output.final and output.words:
            return f"{output.start:8.2f} - {output.end:8.2f}  {output.text}"
        case Remembered():
            return f"{output.moment.time:8.2f}             saw: {output.moment.text}"
        case Answer() if output.status != "streaming" and output.text:
            return f"{output.time:8.2f}             answered: {output.text.strip()}"
        case RequestMet():
            return f"{output.moment.time:8.2f}             noticed: {output.text}"
        case Gap() if not output.concealed:
            return f"{output.start:8.2f} - {output.end:8.2f}  {output.media} missing"
        case Degraded() | AnswerNotice() | HearingNotice():
            return f"                     trouble: {output.message}"
        case _:
            return ""

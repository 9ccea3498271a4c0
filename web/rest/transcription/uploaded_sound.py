"""The sound of an uploaded file: the track that is heard, and what the client is told about it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from media.files.decoding import decode_audio
from media.files.report import DecodingReport
from media.files.track_choice import choose_track
from media.pipeline.hearing.speech_measure import speech_seconds
from models.asr.speech_activity import Samples, VoiceActivityDetector


@dataclass(slots=True)
class UploadedSound:
    """A sound track of a file: `track` is its number from 1, None chooses one when it is read."""

    track: int | None = None
    report: DecodingReport = field(default_factory=DecodingReport)
    heard: str = ""  # which of several tracks is heard, and why

    def chunks(
        self, path: Path, detector: VoiceActivityDetector, *, max_duration: float
    ) -> Iterator[Samples]:
        """Yield the sound of `path`, mono float32 at 16 kHz.

        Raises:
            UnreadableMediaError: not media, or it has no such sound.
            MediaTooLongError: longer than `max_duration` seconds.
        """
        if self.track is None:
            chosen = choose_track(path, lambda samples: speech_seconds(detector, samples))
            if chosen is not None:
                self.track, self.heard = chosen.track.number, str(chosen)
        yield from decode_audio(
            path, max_duration=max_duration, track=self.track, report=self.report
        )

    def notes(self, *, empty: bool) -> dict[str, Any]:
        """Return the fields of a transcript that say what was heard and left out, and why."""
        why = self.report.why_no_words if empty else ""
        known = {"track": self.heard, "left_out": self.report.left_out, "empty": why}
        told = {name: text for name, text in known.items() if text}
        return {"eyeline": told} if told else {}

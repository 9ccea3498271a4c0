"""The sound track that a command hears, and what it tells its user about the sound."""

import sys
from pathlib import Path

from media.files.track_choice import choose_track
from media.pipeline.hearing.speech_measure import speech_seconds
from media.pipeline.interfaces import VoiceActivityDetector


def heard_track(detector: VoiceActivityDetector, path: Path) -> int | None:
    """Return the number of the sound track of `path` to hear, and say which it is.

    None if there is no choice: a recording, or a file with one track or none.

    Raises:
        UnreadableMediaError: FFmpeg finds no media in `path`.
    """
    if path.is_dir():
        return None
    chosen = choose_track(path, lambda samples: speech_seconds(detector, samples))
    if chosen is None:
        return None
    tell(f"{chosen}: choose with --track NUMBER")
    return chosen.track.number


def tell(line: str) -> None:
    """Print `line` for the user, if it is not empty."""
    if line:
        sys.stderr.write(f"{line}\n")

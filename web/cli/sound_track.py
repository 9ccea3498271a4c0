"""What commands check of a media file, which sound track they hear, and what they tell of it."""

import sys
from pathlib import Path

from media.errors import UnreadableMediaError
from media.files.decoding import MediaInfo, check_duration, probe
from media.files.track_choice import choose_track
from media.files.tracks import check_track
from media.pipeline.hearing.speech_measure import speech_seconds
from models.asr.speech_activity import VoiceActivityDetector


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


def checked_media(
    path: Path, *, max_duration: float, track: int | None = None, needs: str = ""
) -> MediaInfo | None:
    """Return the header of `path`, None for a recording: errors come before models are loaded.

    `needs` is "audio" or "video" if it must have that, `track` a sound track that it must have.

    Raises:
        UnreadableMediaError: not media, or it lacks what is needed.
        MediaTooLongError: longer than `max_duration` seconds.
    """
    if path.is_dir():
        return None
    media = probe(path)
    if media.duration is not None:
        check_duration(path, media.duration, max_duration)
    there = {"audio": media.has_audio, "video": media.has_video}
    if not (there[needs] if needs else any(there.values())):
        raise UnreadableMediaError(f"{path}: it has no {needs or 'audio or video'}")
    if track is not None:
        check_track(path, media.audio, track)
    return media


def tell(line: str) -> None:
    """Print `line` for the user, if it is not empty."""
    if line:
        sys.stderr.write(f"{line}\n")

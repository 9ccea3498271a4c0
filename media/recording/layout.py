"""The files in the folder of a recording.

sound.flac     the audio at 16 kHz, without its gaps
pictures.mkv   the video frames (H.264, with their timestamps)
events.jsonl   all other inputs, the gaps in the audio and which frames are repeated, one JSON
               object a line
memory/        what the session remembered, written by its assistant
"""

from pathlib import Path

from media.errors import UnreadableMediaError

AUDIO_FILE = "sound.flac"
VIDEO_FILE = "pictures.mkv"
EVENTS_FILE = "events.jsonl"
MEMORY_FOLDER = "memory"


def check_recording(folder: Path) -> None:
    """Check that `folder` is a recording.

    Raises:
        UnreadableMediaError: it is not.
    """
    if not (folder / EVENTS_FILE).is_file():
        raise UnreadableMediaError(
            f"{folder}: is not a recording: it has no {EVENTS_FILE}; name a media file, or the "
            "folder of one session"
        )

"""The files in the folder of a recording.

sound.flac     the audio at 16 kHz, without its gaps
pictures.mkv   the video frames (H.264, with their timestamps)
events.jsonl   all other inputs, the gaps in the audio and which frames are repeated, one JSON
               object a line
memory/        what the session remembered, written by its assistant
session.json   whose the session is, and when it started
history.jsonl  what was said, asked, answered and remembered, one JSON object a line
summary.json   what there is of that; a recording without it was cut off
playback.mp4   picture and sound for a browser, made when it is first wanted
generated.mp4  the generated video, made by a rerun
"""

from pathlib import Path

from media.errors import UnreadableMediaError

AUDIO_FILE = "sound.flac"
VIDEO_FILE = "pictures.mkv"
EVENTS_FILE = "events.jsonl"
MEMORY_FOLDER = "memory"
SESSION_FILE = "session.json"
HISTORY_FILE = "history.jsonl"
SUMMARY_FILE = "summary.json"
PLAYBACK_FILE = "playback.mp4"
GENERATED_FILE = "generated.mp4"


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

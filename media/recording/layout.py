"""The files in the folder of a recording.

sound.flac     the audio at 16 kHz, without its gaps
pictures.mkv   the video frames (H.264, with their timestamps)
events.jsonl   all other inputs and the gaps in the audio, one JSON object a line
memory/        what the session remembered, written by its assistant
"""

AUDIO_FILE = "sound.flac"
VIDEO_FILE = "pictures.mkv"
EVENTS_FILE = "events.jsonl"
MEMORY_FOLDER = "memory"

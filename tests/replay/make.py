"""Makes a recording of this folder again: `python -m tests.replay.make`.

The sound is real speech, the pictures are a few plain ones, and somebody asks questions: what a
live session with a microphone and a camera would have left.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from media.events import Input, Listening, Question
from media.files import RATE, decode_audio
from media.frames import VIDEO_CLOCK_HZ, AudioChunk, VideoFrame
from media.recording import record
from media.worker import Worker

HERE = Path(__file__).parent
SPEECH = HERE.parent / "data" / "speech" / "jfk.flac"
CHUNK = 320  # samples: 20 ms, as WebRTC delivers them
# Samples at which chunks never arrived: 0.16 s within a word, and 1.75 s after the speech.
LOST = (*range(115_200, 117_760, CHUNK), *range(184_000, 212_000, CHUNK))


async def conversation() -> AsyncIterator[Input]:
    """Yield a speech over a camera that brightens, with a hole in its sound and two questions."""
    speech = np.concatenate([*decode_audio(SPEECH, longest=60), np.zeros(4 * RATE, np.float32)])
    yield Listening(respond=True)
    for start in range(0, len(speech), CHUNK):
        if start % RATE == 0:
            pixels = np.full((90, 160, 3), 20 + 15 * (start // RATE), np.uint8)
            yield VideoFrame(pixels, start // RATE * VIDEO_CLOCK_HZ)
        if start == 5 * RATE:
            yield Question("typed-1", "How many pictures so far?", 5.0)
        if start not in LOST:
            yield AudioChunk(speech[start : start + CHUNK], start, RATE)
    yield Question("typed-2", "And now?", 13.0)


async def main() -> None:
    worker = Worker("recorder")
    async for _ in record(conversation(), HERE / "recordings" / "speech", worker):
        pass
    worker.close()


if __name__ == "__main__":
    asyncio.run(main())

"""Makes the recordings of this folder again: `python -m tests.replay.make`.

`speech` has real speech, plain pictures and questions, like a live session with a microphone and
a camera. `shown` has photographs before a camera that moves a little, and no sound;
`python -m tests.bench.blind_set fetch` gets the photographs first.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from media.events.answers import Question
from media.events.hearing import ListeningConfig
from media.events.session import Input
from media.events.vision import Degraded
from media.files.decoding import decode_audio
from media.frames import SAMPLE_RATE, VIDEO_CLOCK_HZ, AudioChunk, VideoFrame
from media.recording.writer import record
from media.worker import Worker

HERE = Path(__file__).parent
SPEECH = HERE.parent / "data" / "speech" / "jfk.flac"
CHUNK = 320  # samples: 20 ms, as WebRTC delivers them
BLIND = Path(".cache/eyeline/blind")
# From the half that may be viewed; NASA, public domain; SpaceX, CC0; CC0; Apache-2.0.
PHOTOGRAPHS = ("motorcycle.png", "astronaut.png", "rocket.jpg", "orange.jpg")
EACH = 4  # seconds of each photograph
FPS = 5
QUESTIONS = (
    Question("watch", "Tell me when someone comes in.", 1.0),
    Question("anyone", "Is there anyone in the picture?", 7.0),
    Question("now", "What do you see now?", 11.0),
    Question("when", "When did you see the motorcycle?", 13.0),
    Question("before", "What did you see before the orange?", 16.0),
    Question("never", "Did you see a piano?", 16.0),
)
# Samples of chunks that were lost: 0.16 s within a word, and 1.75 s after the speech.
LOST = (*range(115_200, 117_760, CHUNK), *range(184_000, 212_000, CHUNK))


async def conversation() -> AsyncIterator[Input]:
    """Yield a speech over a camera that brightens, with a hole in its sound and two questions."""
    speech = np.concatenate(
        [*decode_audio(SPEECH, max_duration=60), np.zeros(4 * SAMPLE_RATE, np.float32)]
    )
    yield ListeningConfig(respond=True)
    for start in range(0, len(speech), CHUNK):
        if start % SAMPLE_RATE == 0:
            pixels = np.full((90, 160, 3), 20 + 15 * (start // SAMPLE_RATE), np.uint8)
            yield VideoFrame(pixels, start // SAMPLE_RATE * VIDEO_CLOCK_HZ)
        if start == 5 * SAMPLE_RATE:
            yield Question("typed-1", "How many pictures so far?", 5.0)
        if start not in LOST:
            yield AudioChunk(speech[start : start + CHUNK], start, SAMPLE_RATE)
    yield Question("typed-2", "And now?", 13.0)


async def shown() -> AsyncIterator[Input]:
    """Yield four photographs, four seconds each, with questions between them."""
    for index in range(4 * EACH * FPS):
        time = index / FPS
        for question in QUESTIONS:
            if question.time == time:
                yield question
        photograph = PHOTOGRAPHS[index // (EACH * FPS)]
        yield VideoFrame(moved(photograph, time), round(time * VIDEO_CLOCK_HZ))
    for question in QUESTIONS:
        if question.time >= 4 * EACH:
            yield question


@cache
def photograph_of(name: str) -> Image.Image:
    return Image.open(BLIND / name).convert("RGB")


def moved(name: str, time: float) -> NDArray[np.uint8]:
    """Return a photograph as a camera in a hand sees it at `time`: a little nearer, further."""
    image = photograph_of(name)
    width, height = image.size
    margin = 0.02 + 0.02 * np.sin(2 * time)
    left, top = margin * width, margin * height * (1 + 0.5 * np.cos(time))
    box = (left, top, width - left, height - top)
    return np.asarray(image.resize((256, 192), box=box), np.uint8)


async def fail(problem: Degraded) -> None:
    raise AssertionError(problem)


async def main() -> None:
    worker = Worker("recorder")
    for name, source in (("speech", conversation()), ("shown", shown())):
        async for _ in record(source, HERE / "recordings" / name, worker, fail):
            pass
    worker.close()


if __name__ == "__main__":
    asyncio.run(main())

"""Records and remembers a made-up session, and prints how far it has come, until it is killed.

Run by test_survival.py: `python -m tests.media.recording.killed_recorder FOLDER`.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import numpy as np

from media.events.answers import Question
from media.events.session import Input
from media.events.vision import Degraded
from media.frames import SAMPLE_RATE, VIDEO_CLOCK_HZ, AudioChunk, VideoFrame
from media.recording.layout import MEMORY_FOLDER
from media.recording.writer import record
from media.worker import Worker
from models.assistant.small_assistant import SmallAssistant
from tests.models.assistant.test_small_model import CUP, DOG, model, picture

STEP = 0.1  # seconds between frames
SCENE = 7  # seconds until the picture changes


async def source() -> AsyncIterator[Input]:
    samples = SAMPLE_RATE // 10
    for n in count():
        tone = np.sin(np.arange(samples) * 0.1, dtype=np.float32) / 2
        yield AudioChunk(tone, n * samples, SAMPLE_RATE)
        shown = picture(DOG if int(n * STEP) // SCENE % 2 else CUP)
        yield VideoFrame(shown, round(n * STEP * VIDEO_CLOCK_HZ))
        yield Question(f"q{n}", "what?", n * STEP)


async def report(problem: Degraded) -> None:
    raise AssertionError(problem)


async def main(folder: Path) -> None:
    assistant = SmallAssistant(model())
    state = assistant.init_state(folder / MEMORY_FOLDER, durable=True)
    analyzed = 0
    async for item in record(source(), folder, Worker("recorder"), report):
        if isinstance(item, VideoFrame) and item.time >= analyzed:
            analyzed += 1
            assistant.analyze_frame(state, item.pixels, item.time)
            sys.stdout.write(f"{item.time}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

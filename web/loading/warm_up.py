"""First runs of the models when the service starts, so that no user waits for them.

What a model does only once (threads, tables, imports) is done here, through the same servers as a
session. `trt_engines.backends.idle_memory` returns the memory that the runs leave.
"""

import logging
import time
from collections.abc import Callable, Coroutine

import numpy as np

from media.pipeline.models.answering import AssistantServer
from media.pipeline.models.generation import ChunkOrder, GenerationServer
from media.pipeline.models.hearing import SpeechChunk
from media.pipeline.models.services import Services
from media.pipeline.models.speaking import SpeechServer
from models.asr.words import RATE
from models.generation.chunk_request import ChunkRequest

logger = logging.getLogger(__name__)

LOUDNESS = 0.01  # of the noise that is heard
PICTURE = (180, 320, 3)  # height and width of the picture that is looked at
QUESTION = "What do you see?"
SPOKEN = "Yes."  # the dictionaries are the same for all words
MAX_PIECES = 4  # of an answer: all are made in the same way


async def warm_up(services: Services) -> None:
    """Use each model once as a session does, and log which and how long it took."""
    uses: dict[str, Callable[[], Coroutine[None, None, None]]] = {
        "speech recognition": lambda: _hear(services),
        "vision and answers": lambda: _look_and_answer(services.assistant),
    }
    if (synthesizer := services.synthesizer) is not None:
        uses["speech synthesis"] = lambda: _speak(synthesizer)
    if (generation := services.generation) is not None:
        uses["generation"] = lambda: _generate(generation)
    for number, (name, use) in enumerate(uses.items(), 1):
        began = time.monotonic()
        await use()
        took = time.monotonic() - began
        logger.info("warmed up %s in %.1f s (%d of %d)", name, took, number, len(uses))


async def _hear(services: Services) -> None:
    """Recognize two seconds of noise as one turn."""
    rng = np.random.default_rng(0)
    sound = (LOUDNESS * rng.standard_normal(2 * RATE)).astype(np.float32)
    await (await services.detector.open()).step(sound)
    turn = await services.recognizer.open()
    await turn.step(SpeechChunk(sound))
    await turn.step(SpeechChunk(None, last=True))
    if services.final_pass is not None:
        await services.final_pass.run(sound)


async def _look_and_answer(assistant: AssistantServer) -> None:
    """Look at a grey picture, and ask about it; what was seen is forgotten."""
    handle = await assistant.open(None)
    try:
        await handle.analyze_frame(np.full(PICTURE, 128, np.uint8), 0.0)
        answer = await handle.answer(QUESTION, 0.0)
        for _ in range(MAX_PIECES):
            if await anext(answer, None) is None:
                break
    finally:
        await handle.close()


async def _speak(synthesizer: SpeechServer) -> None:
    await synthesizer.synthesize(SPOKEN)


async def _generate(generation: GenerationServer) -> None:
    """Generate the first chunk of a video."""
    sampler, steps = next(iter(generation.generator.samplers.items()))
    vocabulary = generation.generator.vocabulary
    prompt = QUESTION if vocabulary is None else vocabulary.kinds[0]
    request = ChunkRequest(prompt=((prompt, 1.0),), steps=steps.default)
    order = ChunkOrder(request=request, sampler=sampler, seed=0, min_side=1, files=False)
    video = await generation.open()
    await video.step(order)
    await video.close()

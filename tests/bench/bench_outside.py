"""Time to the first word through an outside model, beside the packaged one, over the same memory.

    python -m tests.bench.bench_outside --minutes 1 60

Both read the packaged language model's weights: the packaged one over keys and values that it
kept; the outside one in llama.cpp's server (package xllamacpp), over notes as text:
those that the scope of a question asks for, and, in another row, all of them (`both`). Each has one
thread. The server keeps the keys and values of its last request, so the first question of each
memory reads the whole prompt, and later ones what differs. Questions about now have a row of their
own.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path

from media.events.answers import Evidence, Question
from media.images.decoder import ImageDecoder
from media.pipeline.models.answerer import Answerer, PackagedAnswerer
from media.pipeline.models.answering import AssistantHandle, AssistantServer
from media.pipeline.outside.answerer import OutsideAnswerer
from media.pipeline.outside.endpoint import EvidenceLimits, ModelEndpoint
from media.pipeline.outside.evidence import EvidenceCollector
from media.servers.device import Device, JobQueue
from media.worker import Worker
from models.assistant import small_model
from models.assistant.small_assistant import SmallAssistant
from tests.bench.synthetic_stream import BLANK_FRAME, INTERVAL, SyntheticPerception, questions
from tests.media.pipeline.outside.llama_server import llama_server
from web.config import read_settings
from web.loading.engines import stored_engines

NOW = ("What do you see?", "What is this?", "Is there a cup?", "What colour is it?")


async def first_word(
    answerer: Answerer, memory: AssistantHandle, text: str, now: float
) -> tuple[float, int]:
    """Return the seconds to the first word of an answer, and the tokens that the model read."""
    start = time.perf_counter()
    answer = await answerer.answer(Question("q", text, now), memory)
    seconds, read = 0.0, answer.prompt_tokens
    async for item in answer:
        if item and isinstance(item, str) and not seconds:
            seconds = time.perf_counter() - start
        if isinstance(item, Evidence):
            read = item.read
    await answer.aclose()
    return seconds, read


async def watch(memory: AssistantHandle, minutes: float) -> None:
    seen = memory.seen_until()
    first = 0 if seen < 0 else int(seen) + INTERVAL
    for second in range(first, round(60 * minutes), INTERVAL):
        await memory.analyze_frame(BLANK_FRAME, float(second))


async def compare(
    assistant: AssistantServer,
    answerers: Sequence[tuple[str, Answerer]],
    lengths: Sequence[float],
    count: int,
) -> None:
    asked = {"of all kinds": questions(count), "about now": list(NOW)}
    with tempfile.TemporaryDirectory() as folder:
        memory = await assistant.open(Path(folder))
        for _, answerer in answerers:  # the server may still be loading its model
            await first_word(answerer, memory, "Are you there?", 0.0)
        for minutes in lengths:
            await watch(memory, minutes)
            for (name, answerer), (kind, texts) in product(answerers, asked.items()):
                made = [await first_word(answerer, memory, text, 60 * minutes) for text in texts]
                seconds, read = [each for each, _ in made], [tokens for _, tokens in made]
                print(
                    f"{minutes:6.0f} min  {name:16} {kind:12}  first word: first question "
                    f"{seconds[0]:.2f} s, median {statistics.median(seconds):.2f} s, worst "
                    f"{max(seconds):.2f} s; tokens read: {min(read)} to {max(read)}",
                    flush=True,
                )
        await memory.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 60])
    parser.add_argument("--count", type=int, default=12, help="questions of each memory")
    chosen = parser.parse_args()
    settings = read_settings(threads=1)
    with ExitStack() as stack:
        load_engine = stack.enter_context(stored_engines(settings))
        model = small_model.load(settings.weights, load_engine=load_engine)
        model.perception = SyntheticPerception()
        worker, images, device = Worker("media"), ImageDecoder(), Device("cpu", slots=1)
        for each in (worker, images, device):
            stack.callback(each.close)
        assistant = AssistantServer(
            SmallAssistant(model), JobQueue(device, "looks"), JobQueue(device, "answers")
        )
        packaged = PackagedAnswerer(assistant, images)
        url = stack.enter_context(llama_server(settings.weights))
        endpoint = ModelEndpoint(url=url, max_tokens=1, retry_wait=60.0)
        answerers: list[tuple[str, Answerer]] = [("packaged", packaged)]
        for name, scoped in (("llama.cpp", True), ("llama.cpp, both", False)):
            collector = EvidenceCollector(EvidenceLimits(scoped=scoped), images, worker)
            answerers.append((name, OutsideAnswerer(endpoint, collector, worker)))
        lengths = sorted(chosen.minutes)
        asyncio.run(compare(assistant, answerers, lengths, chosen.count))


if __name__ == "__main__":
    main()

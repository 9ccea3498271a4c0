"""Latency of an answer, in text and in sound, after minutes and hours of stream.

    python -m tests.bench.bench_ask --minutes 1 10 60 360 --captions

The stream is synthetic (`tests.bench.synthetic_stream`); after ten minutes its blocks are copies
of earlier ones. `dense` reads all of its lines again for a question, in the same run. With
`--captions` speech is recognized at the same time, in real time, on another thread. The sound is
the first clause, spoken by hibari-tts.
"""

import argparse
import contextlib
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from media.files.decoding import decode_audio
from media.frames import SAMPLE_RATE
from media.pipeline.speech.clauses import split_clauses
from models.asr.streaming.local_agreement import LocalAgreement
from models.asr.vad import load_silero
from models.asr.whisper.loading import load_whisper
from models.assistant.scene.embedding import embed
from models.assistant.scene.perception import Observation
from models.assistant.scene.scene_entry import SYSTEM, question_text
from models.assistant.scene.scene_log import LoggedEntry, SceneLog
from models.assistant.small_memory import SmallModelMemory
from models.assistant.small_model import SmallModel
from models.language.smollm2 import question_prompt, system_prompt
from models.memory.kv_store.tiers import StoreBudget, open_store
from models.memory.prefill import Frame
from models.speech.hibari import HibariSynthesizer
from tests.bench.packed_chat import packed_chat
from tests.bench.synthetic_stream import (
    BLANK_FRAME,
    INTERVAL,
    SyntheticPerception,
    observation_at,
    questions,
)
from tests.paths import SPEECH

BATCH = 16  # moments read together if only their number matters
READ_LIMIT = 600  # seconds of stream that are really read
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class AnswerLatency:
    """Seconds from a question to the first token, to the first sound, and of CPU up to a token."""

    token: float
    sound: float
    cpu: float


def ask(
    model: SmallModel, memory: SmallModelMemory, voice: HibariSynthesizer, question: str, now: float
) -> AnswerLatency:
    """Ask a question, until the first clause is spoken."""
    began, cpu = time.perf_counter(), time.thread_time()
    stream = model.answer(memory, question, now=now).pieces
    text = next(stream, "")
    token, cpu = time.perf_counter() - began, time.thread_time() - cpu
    clauses, rest = split_clauses(text, last=False)
    while not clauses:
        piece = next(stream, None)
        clauses, rest = split_clauses(rest + (piece or ""), last=piece is None)
        if piece is None:
            break
    if clauses:
        voice.synthesize(clauses[0])
    return AnswerLatency(token, time.perf_counter() - began, cpu)


@torch.no_grad()
def dense(model: SmallModel, seconds: int, question: str) -> float:
    """Return the seconds to the first token if all lines are read again for the question."""
    chat, decoder = model.chat, model.chat.decoder
    lines = [embed(chat, observation_at(at).scene) for at in range(0, seconds, INTERVAL)]
    prompt = system_prompt(SYSTEM), question_prompt(question_text(question, seconds))
    first, last = (decoder.embed(chat.encode(part)) for part in prompt)
    x = torch.cat([first, *lines, last])
    caches = decoder.new_caches(len(x))
    began = time.perf_counter()
    for part in torch.split(x, 512):  # all at once, half of the attention would be masked away
        decoder.next_scores(part, caches).argmax()
    return time.perf_counter() - began


def remember(model: SmallModel, memory: SmallModelMemory, until: int) -> None:
    """Remember the moments up to `until` seconds: those after `READ_LIMIT` are copies of others.

    The content of a block has no effect on times and sizes.
    """
    entries = memory.log.entries
    begin = int(entries[-1].scene.time) + INTERVAL if entries else 0
    times = range(begin, until, INTERVAL)
    read = [at for at in times if at < READ_LIMIT]
    for low in range(0, len(read), BATCH):
        looks = [observation_at(at) for at in read[low : low + BATCH]]
        frames = [
            Frame(embed(model.chat, seen.scene), seen.scene.time, seen.scene.time) for seen in looks
        ]
        memory.rekv, _ = model.rekv.step(memory.rekv, frames)
        blocks = memory.rekv.store.table.blocks[-len(looks) :]
        entries += [_entry(block.id, seen) for block, seen in zip(blocks, looks, strict=True)]
    store = memory.rekv.store
    for at in times[len(read) :]:
        block = store.table.blocks[-BATCH].all_layers().clone()
        stored = store.append(block, start=float(at), end=float(at), represented=False)
        entries.append(_entry(stored.id, observation_at(at)))


def _entry(block: int, seen: Observation) -> LoggedEntry:
    return LoggedEntry(block, seen.scene, seen.probabilities.numpy(), seen.scene.time)


def encode(model: SmallModel, memory: SmallModelMemory, count: int) -> tuple[float, float]:
    """Remember `count` moments one by one; return median seconds and CPU seconds of each."""
    took, cpu = [], []
    begin = int(memory.log.entries[-1].scene.time) + INTERVAL if memory.log.entries else 0
    for at in range(begin, begin + count * INTERVAL, INTERVAL):
        before = time.perf_counter(), time.thread_time()
        model.step(memory, (BLANK_FRAME, float(at)))
        took.append(time.perf_counter() - before[0])
        cpu.append(time.thread_time() - before[1])
    return statistics.median(took), statistics.median(cpu)


@contextlib.contextmanager
def captions(weights: Path) -> Iterator[None]:
    """Recognize speech in real time on another thread."""
    streaming = LocalAgreement(load_whisper("tiny.en", weights), load_silero(weights))
    clip = np.concatenate(list(decode_audio(SPEECH / "jfk.flac", max_duration=60)))
    over = threading.Event()

    def listen() -> None:
        while not over.is_set():
            state = streaming.init_state()
            for start in range(0, len(clip), SAMPLE_RATE):
                due = time.monotonic() + 1.0
                state, _ = streaming.step(state, clip[start : start + SAMPLE_RATE])
                if over.wait(max(0.0, due - time.monotonic())):
                    return
            streaming.flush(state)

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def held() -> float:
    """Return the MiB that the process shares with no file and no other."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("this system does not tell the memory of a process")


def quantiles(values: list[float]) -> str:
    """Return the median and the 95th percentile."""
    ordered = sorted(values)
    return f"{statistics.median(ordered):.2f} / {ordered[int(0.95 * (len(ordered) - 1))]:.2f}"


def measure(model: SmallModel, folder: Path, options: argparse.Namespace) -> None:
    """Print a line for each length of stream, then the size of the folder."""
    voice = HibariSynthesizer()
    voice.synthesize("Yes, I have.")  # the first call makes room
    memory = model.init_state(
        open_store(folder, model.rekv.identity, StoreBudget(ram=options.ram * MIB))
    )
    wall, cpu = encode(model, memory, 12)
    count = memory.rekv.store.table.rows[0].tokens
    print(f"encode: {wall:.3f} s a moment of {count} tokens, {cpu:.3f} of CPU")
    print("minutes  token p50/p95  sound p50/p95  CPU p50   dense   ratio  RAM MiB  disk  process")
    for minutes in options.minutes:
        seconds = minutes * 60
        remember(model, memory, seconds)
        model.rekv.flush(memory.rekv)
        found = [
            ask(model, memory, voice, question, float(seconds))
            for question in questions(options.questions)
        ]
        tokens = [each.token for each in found]
        line = f"{minutes:7} {quantiles(tokens):>14} {quantiles([e.sound for e in found]):>14}"
        line += f" {statistics.median(e.cpu for e in found):8.2f}"
        if minutes <= options.dense:
            again = dense(model, seconds, "Where is the cup?")
            line += f" {again:7.1f} {again / statistics.median(tokens):6.0f}x"
        else:
            line += "       -       -"
        sizes = memory.rekv.store.sizes
        print(f"{line} {sizes.ram / MIB:8.0f} {sizes.disk / MIB:5.0f} {held():8.0f}", flush=True)
        restart(model, folder, memory, options)
    hours, store = options.minutes[-1] / 60, memory.rekv.store
    sizes = store.sizes
    print(
        f"an hour: {store.table.count / hours:.0f} moments, "
        f"{sum(block.size for block in store.table.blocks) / hours / MIB:.0f} MiB of keys and "
        f"values, {sizes.disk / hours / MIB:.0f} MiB on disk"
    )
    store.close()


def restart(
    model: SmallModel, folder: Path, memory: SmallModelMemory, options: argparse.Namespace
) -> None:
    """Give the folder back, open it again, and print how long that took."""
    memory.rekv.store.close()
    began, cpu = time.perf_counter(), time.thread_time()
    store = open_store(folder, model.rekv.identity, StoreBudget(ram=options.ram * MIB))
    again = model.init_state(store, SceneLog(memory.log.entries))
    took, cpu = time.perf_counter() - began, time.thread_time() - cpu
    print(f"        restart with {store.table.count} blocks: {took:.2f} s, {cpu:.2f} of CPU")
    memory.rekv = again.rekv


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=Path(".cache/eyeline/weights"))
    parser.add_argument("--minutes", type=int, nargs="+", default=[1, 10, 60])
    parser.add_argument("--dense", type=int, default=10, help="up to so many minutes")
    parser.add_argument("--questions", type=int, default=18)
    parser.add_argument("--ram", type=int, default=64, help="MiB of RAM for keys and values")
    parser.add_argument("--captions", action="store_true", help="recognize speech meanwhile")
    options = parser.parse_args()
    torch.set_num_threads(1)
    began = time.perf_counter(), time.process_time()
    chat = packed_chat(options.weights)
    took = time.perf_counter() - began[0], time.process_time() - began[1]
    print(f"load: {took[0]:.1f} s, {took[1]:.1f} of CPU; process {held():.0f} MiB")
    model = SmallModel(chat, SyntheticPerception())
    busy = captions(options.weights) if options.captions else contextlib.nullcontext()
    with tempfile.TemporaryDirectory() as folder, busy:
        measure(model, Path(folder), options)


if __name__ == "__main__":
    main()

"""Words lost to packet loss: our reception of sound beside stock aiortc's, in simulated time.

    python -m tests.bench.bench_audio_loss --seeds 5 [--speech FOLDER] [--model tiny.en]

FOLDER holds sound files and a manifest.jsonl with `path` and `text`. Each clip is sent as Opus
packets over a path with a round trip of 100 ms that loses packets in both directions, and what is
heard is transcribed offline. Both receivers get the same packets, but only ours asks for more.

| sender | packets |
|---|---|
| aiortc | 96 kbit/s without FEC, as aiortc's client sends; requests are answered |
| browser | 32 kbit/s with in-band FEC, as Chromium; requests are not answered |
| RED | the same, and each packet repeats the one before |
| page | the same, and requests are answered, as Chromium on the project's page |
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import av
import jiwer
import numpy as np
import torch
from aiortc.codecs.opus import OpusDecoder as StockDecoder
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket
from whisper_normalizer.english import EnglishTextNormalizer

from media.audio.downmix import DownmixState, mono_from_av
from media.audio.resampling import Resampler, Samples
from models.asr.offline.transcription import transcribe
from models.asr.vad import SileroVad, load_silero
from models.asr.whisper.decode import DecodeConfig
from models.asr.whisper.loading import WhisperModel, load_whisper
from tests.bench.bench_asr import SpeechClip, read_clips
from tests.paths import SPEECH, WEIGHTS
from tests.rtc.link import Conditions, Line
from tests.rtc.receiving.audio.call import (
    OPUS,
    PACKET,
    RED,
    TICKS,
    Heard,
    encode,
    listen,
    redundant,
)

HALF_TRIP = 0.05  # seconds
LEAD = 8000  # samples of silence before and after each clip: a call has more than the words
RATE = 16_000


@dataclass(frozen=True)
class Sender:
    name: str
    packets: Callable[[Samples], list[bytes]]
    redundant: bool = False
    retransmits: bool = False


@dataclass
class Result:
    """What one receiver heard of all clips and seeds."""

    texts: list[str] = field(default_factory=list)
    added: list[float] = field(default_factory=list)
    concealed: float = 0.0
    missing: float = 0.0
    seconds: float = 0.0
    requested: int = 0
    sent: int = 0


def plain(samples: Samples) -> list[bytes]:
    return encode(samples, bitrate="96000")


def with_fec(samples: Samples) -> list[bytes]:
    return encode(samples, bitrate="32000", fec="1", packet_loss="10")


SENDERS = (
    Sender("aiortc", plain, retransmits=True),
    Sender("browser", with_fec),
    Sender("RED", with_fec, redundant=True),
    Sender("page", with_fec, redundant=True, retransmits=True),
)


def stock(payloads: Sequence[bytes], loss: float, seed: int) -> Samples:
    """Return what aiortc's receiver makes of `payloads`, with silence where it has nothing."""
    line = Line([(0.0, Conditions(loss=loss, delay=HALF_TRIP))], seed=seed)
    buffer, decoder = JitterBuffer(capacity=16, prefetch=4), StockDecoder()
    sound = np.zeros(len(payloads) * TICKS // 3 + RATE, np.float32)
    downmix = DownmixState()
    for number, payload in enumerate(payloads):
        packet = RtpPacket(
            payload_type=111, sequence_number=number, timestamp=number * TICKS, payload=payload
        )
        line.send(number * PACKET, packet.serialize())
    for data in line.receive(1e9):
        packet = RtpPacket.parse(data)
        vars(packet)["_data"] = packet.payload
        _, encoded = buffer.add(packet)
        if encoded is None:
            continue
        for frame in decoder.decode(encoded):
            assert isinstance(frame, av.AudioFrame)
            downmix, samples = mono_from_av(downmix, frame)
            resampler = Resampler(48_000, RATE)
            state, parts = resampler.step(resampler.init_state(), samples)
            part = np.concatenate([*parts, *resampler.flush(state)])
            start = encoded.timestamp // 3
            sound[start : start + len(part)] = part
    return sound


def hear(sender: Sender, payloads: Sequence[bytes], loss: float, seed: int, limit: float) -> Heard:
    path = Conditions(loss=loss, delay=HALF_TRIP)
    return listen(
        redundant(payloads) if sender.redundant else payloads,
        path,
        path,
        seed=seed,
        codec=RED if sender.redundant else OPUS,
        limit=limit,
        retransmits=sender.retransmits,
    )


def run(
    sender: Sender,
    clips: Sequence[SpeechClip],
    loss: float,
    seeds: int,
    limit: float,
    words: Callable[[Samples], str],
) -> tuple[Result, Result]:
    """Return what ours and the stock receiver heard."""
    ours, theirs = Result(), Result()
    for clip_number, clip in enumerate(clips):
        payloads = sender.packets(np.pad(clip.samples, LEAD))
        for seed in range(seeds):
            draw = 1000 * seed + clip_number
            heard = hear(sender, payloads, loss, draw, limit)
            ours.texts.append(words(heard.samples()))
            ours.added += heard.added()
            ours.concealed += heard.seconds(concealed=True)
            ours.missing += heard.seconds(concealed=False)
            ours.seconds += len(payloads) * PACKET
            ours.requested += len(heard.requested)
            ours.sent += len(payloads)
            theirs.texts.append(words(stock(payloads, loss, draw)))
    return ours, theirs


def errors(clips: Sequence[SpeechClip], seeds: int, result: Result) -> tuple[float, str]:
    """Return the word error rate in percent, and its substitutions, deletions and insertions."""
    normalize = EnglishTextNormalizer()
    wanted = [normalize(clip.text) for clip in clips for _ in range(seeds)]
    found = jiwer.process_words(wanted, [normalize(text) for text in result.texts])
    counts = f"{found.substitutions}/{found.deletions}/{found.insertions}"
    return 100 * found.wer, counts


def recognize(model: WhisperModel, detector: SileroVad, samples: Samples) -> str:
    config = DecodeConfig(language="en")
    return "".join(word.text for word in transcribe(model, detector, samples, config=config))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--speech", type=Path, default=SPEECH)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--loss", type=float, nargs="+", default=[0.0, 0.05, 0.1, 0.2])
    parser.add_argument("--senders", nargs="+", default=[sender.name for sender in SENDERS])
    parser.add_argument("--clips", type=int, help="only that many")
    parser.add_argument("--limit", type=float, default=0.5, help="seconds, EYELINE_AUDIO_WAIT")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load_whisper(options.model, WEIGHTS)
    detector = load_silero(WEIGHTS)
    clips = read_clips(options.speech, options.clips)
    print(
        "| sender | loss | stock WER | eyeline WER | heard | made up | missing | added p50 / p95 |"
        " asked again |\n|---|---|---|---|---|---|---|---|---|"
    )
    for sender in (each for each in SENDERS if each.name in options.senders):
        for loss in options.loss:
            seeds = options.seeds if loss else 1
            started = time.perf_counter()
            ours, theirs = run(
                sender, clips, loss, seeds, options.limit, partial(recognize, model, detector)
            )
            p50, p95 = (1000 * float(np.quantile(ours.added, q)) for q in (0.5, 0.95))
            lost = ours.concealed + ours.missing
            (mine, counts), (other, others) = (errors(clips, seeds, r) for r in (ours, theirs))
            print(
                f"| {sender.name} | {loss:.0%} | {other:.1f} ({others}) | {mine:.1f} ({counts}) |"
                f" {1 - lost / ours.seconds:.2%} | {ours.concealed / ours.seconds:.2%} |"
                f" {ours.missing / ours.seconds:.2%} | {p50:.0f} / {p95:.0f} ms |"
                f" {ours.requested / ours.sent:.1%} | {time.perf_counter() - started:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()

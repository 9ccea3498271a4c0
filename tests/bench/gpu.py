"""What a GPU carries: Whisper large-v3 and LLaVA-OneVision's shapes, with random weights.

    python -m tests.bench.gpu                 # within 8 minutes on an H200
    python -m tests.bench.gpu --tiny          # the same on any machine, with tiny shapes

Times do not depend on what the weights are. PyTorch alone, in bfloat16 on a GPU; compiled engines
are measured by `eyeline engines accept`. Whisper: windows of 30 s and 100 tokens each, so `streams`
is how many people who speak without a pause one GPU keeps up with, without detection of speech and
final passes. Beside it, published: Kyutai STT 400 streams on an H100. LLaVA-OneVision: frames a
second into the memory (tower and prefill), and the time to the first token of an answer over
streams of up to an hour at a frame each two seconds. Beside it, published: HERMES under 30 ms.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from models.asr.whisper.whisper import Whisper, WhisperConfig
from models.asr.whisper.whisper_networks import WhisperDecoderNetwork, WhisperEncoderNetwork
from models.engine import EngineSpec
from models.language.decoder import Decoder, DecoderConfig
from models.memory.kv_store.tiers import BlockStore, StoreBudget
from models.memory.prefill import Frame
from models.memory.rekv import Rekv
from models.vision.video_llm.siglip import SiglipConfig, SiglipTower

WINDOW, TOKENS = 30.0, 100  # seconds of sound, and the tokens of what is said in it
FRAME_EVERY = 2.0  # seconds
FRAME_TOKENS = 196  # in a frame: 27 x 27 patches, pooled to 14 x 14

LARGE_V3 = WhisperConfig(
    mels=128,
    audio_context=1500,
    audio_width=1280,
    audio_heads=20,
    audio_layers=32,
    text_context=448,
    text_width=1280,
    text_heads=20,
    text_layers=32,
    vocabulary=51866,
)
SO400M = SiglipConfig(side=384, patch=14, width=1152, inner_width=4304, layers=26, heads=16)


def qwen2(width: int, layers: int, heads: int, key_heads: int, inner: int) -> DecoderConfig:
    return DecoderConfig(
        vocabulary=152_000,
        width=width,
        layers=layers,
        heads=heads,
        key_heads=key_heads,
        head_width=width // heads,
        inner_width=inner,
        theta=1e6,
        biased=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """What is measured: `streams` has the lengths of streams in frames."""

    whisper: WhisperConfig
    batches: tuple[int, ...]
    tower: SiglipConfig
    decoders: dict[str, DecoderConfig]
    streams: tuple[int, ...]


FULL = Shapes(
    whisper=LARGE_V3,
    batches=(1, 8, 32, 64),
    tower=SO400M,
    decoders={"0.5B": qwen2(896, 24, 14, 2, 4864), "7B": qwen2(3584, 28, 28, 4, 18944)},
    streams=(30, 300, 1800),
)
TINY = Shapes(
    whisper=WhisperConfig(
        mels=8,
        audio_context=20,
        audio_width=32,
        audio_heads=2,
        audio_layers=1,
        text_context=128,
        text_width=32,
        text_heads=2,
        text_layers=1,
        vocabulary=99,
    ),
    batches=(1, 2),
    tower=SiglipConfig(side=28, patch=14, width=32, inner_width=64, layers=1, heads=2),
    decoders={"tiny": qwen2(32, 2, 4, 2, 64)},
    streams=(3, 6),
)


def seconds(call: Callable[[], object], *, times: int = 3) -> float:
    """Return the seconds of the quickest call after one that is not counted."""
    took = []
    for _ in range(times + 1):
        began = time.perf_counter()
        call()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        took.append(time.perf_counter() - began)
    return min(took[1:])


def made(module: torch.nn.Module, device: torch.device, dtype: torch.dtype) -> torch.nn.Module:
    return module.to(device=device, dtype=dtype).eval().requires_grad_(False)


def buffers(spec: EngineSpec, lengths: dict[str, int], like: Tensor) -> list[Tensor]:
    """Return zeroed inputs and caches of `spec`, floating ones as `like`; all slots visible."""
    found = []
    for each in (*spec.inputs, *spec.state):
        dtype = like.dtype if each.dtype.is_floating_point else each.dtype
        tensor = torch.zeros(each.size(lengths), dtype=dtype, device=like.device)
        found.append(tensor.logical_not() if dtype == torch.bool else tensor)
    return found


def measure_whisper(shapes: Shapes, device: torch.device, dtype: torch.dtype) -> None:
    config = shapes.whisper
    network = Whisper(config)
    encoder = made(WhisperEncoderNetwork(network), device, dtype)
    decoder = WhisperDecoderNetwork(network, ((0, 0),))
    made(decoder, device, dtype)
    like = next(network.parameters())
    for batch in shapes.batches:
        mel = torch.zeros(batch, config.mels, 2 * config.audio_context, device=device, dtype=dtype)
        encode = seconds(lambda: encoder(mel))  # noqa: B023  (runs at once)
        lengths = {"batch": batch, "frames": config.audio_context, "count": 1, "scored": 1}
        inputs = buffers(decoder.spec, lengths, like)
        step = seconds(lambda: decoder(*inputs), times=10)  # noqa: B023
        whole = encode + TOKENS * step
        print(
            f"whisper  batch {batch:3}: encoder {1000 * encode:8.1f} ms, "
            f"step {1000 * step:7.2f} ms, {batch * WINDOW / whole:8.0f} streams in real time",
            flush=True,
        )


def measure_video(
    name: str, config: DecoderConfig, shapes: Shapes, device: torch.device, dtype: torch.dtype
) -> None:
    tower = made(SiglipTower(shapes.tower), device, dtype)
    with torch.device(device):
        decoder = Decoder(config)
    made(decoder, device, dtype)
    side, batch = shapes.tower.side, 8
    images = torch.zeros(batch, 3, side, side, device=device, dtype=dtype)
    see = seconds(lambda: tower(images)) / batch
    rekv = Rekv(decoder, torch.tensor([1, 2, 3]))
    state = rekv.init_state(BlockStore(StoreBudget(ram=64 << 30, disk=0)))
    question, stored, spent = torch.tensor([5, 6, 7, 8]), 0, 0.0
    for length in shapes.streams:
        while stored < length:
            tokens = torch.randn(FRAME_TOKENS, config.width, dtype=dtype, device=device)
            began = time.perf_counter()
            at = FRAME_EVERY * stored
            state, _ = rekv.step(state, [Frame(tokens, at, at + FRAME_EVERY)])
            spent += time.perf_counter() - began
            stored += 1

        def first() -> int:
            context = rekv.retrieve(state, question)  # noqa: B023  (runs at once)
            return next(iter(rekv.reply(context, question, max_tokens=1)))

        token = seconds(first)
        used = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else 0.0
        print(
            f"llava {name:>5}, {length * FRAME_EVERY / 60:5.1f} min: tower {1000 * see:7.1f} ms, "
            f"{1 / (see + spent / stored):6.1f} frames/s into the memory, first token "
            f"{1000 * token:7.1f} ms, {used:5.1f} GiB on the GPU",
            flush=True,
        )


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="tiny shapes, for any machine")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args()
    device, shapes = torch.device(given.device), TINY if given.tiny else FULL
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}, PyTorch {torch.__version__}, {dtype}", flush=True)
    measure_whisper(shapes, device, dtype)
    for size, config in shapes.decoders.items():
        measure_video(size, config, shapes, device, dtype)


if __name__ == "__main__":
    main()

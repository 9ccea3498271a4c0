"""What a GPU carries: the packaged networks, shapes of Whisper, LLaVA-OneVision and of Wan.

    python -m tests.bench.gpu --minutes 9 --out FOLDER/gpu.txt
    python -m tests.bench.gpu --minutes 9 --only drawing-wan2.1 drawing-wan2.2
    python -m tests.bench.gpu --tiny          # the same on any machine, with tiny shapes

Weights are random, as times do not depend on them, so nothing is downloaded. It needs torch, onnx,
onnxscript, onnxruntime, numpy, safetensors and filelock, and `backports.zstd` before Python 3.14; a
machine without network needs the last as a wheel (half a megabyte). Each section has a process and
a share of the time of its own, and each line is written at once: what fails or is cut off costs
nothing that was measured before. The sections, what says most first:

- networks: each network of the packaged models in 16 bits against float32 on the CPU, as
  `eyeline engines accept` compares them: parity, latency, and the same as a CUDA graph.
- whisper: windows of 30 s and 100 tokens each, so `streams` is how many people who speak without a
  pause one GPU keeps up with, without detection of speech and final passes; with and without a CUDA
  graph of the decoder's step. Beside it, published: Kyutai STT 400 streams on an H100.
- video-0.5B, video-7B: frames a second into the memory (tower and prefill), and the time to the
  first token of an answer over streams of up to an hour at a frame each two seconds. Beside it,
  published: HERMES under 30 ms.
- drawing-wan2.1, drawing-wan2.2: what draws on Wan2.1-1.3B at 832 x 480 (Rolling Forcing, Self
  Forcing, LongLive, Causal Forcing with 4, 2 and 1 steps) and on Wan2.2-5B at 1280 x 704 (LongLive
  2.0): pictures a second and the control's delay, eager, compiled and as CUDA graphs; beside it,
  what their authors publish (`tests.bench.gpu_drawing`).

PyTorch alone, in float16 for the networks and bfloat16 for the rest.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

import torch
from torch import Tensor

from models.asr.whisper.whisper import Whisper
from models.asr.whisper.whisper_networks import WhisperDecoderNetwork, WhisperEncoderNetwork
from models.engine import EngineState, ExportableNetwork, NetworkSource
from models.language.decoder import Decoder
from models.memory.kv_store.tiers import BlockStore, StoreBudget
from models.memory.prefill import Frame
from models.memory.rekv import Rekv
from models.vision.video_llm.siglip import SiglipTower
from tests.bench.gpu_drawing import measure_drawing
from tests.bench.gpu_shapes import FULL, TINY, Shapes
from tests.trt_engines.small_networks import BUILDS
from trt_engines.acceptance.checks import Case, accept
from trt_engines.acceptance.cuda_graphs import captured_in_torch
from trt_engines.choice import choose
from trt_engines.precision import ShortNetwork
from trt_engines.store.maker import Maker

WINDOW, TOKENS = 30.0, 100  # seconds of sound, and the tokens of what is said in it
FRAME_EVERY = 2.0  # seconds
LOOKS = 4  # frames that a question about now is read after
FRAME_TOKENS = 196  # in a frame: 27 x 27 patches, pooled to 14 x 14

M = TypeVar("M", bound=torch.nn.Module)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where and what to measure; `report` gets each line at once."""

    shapes: Shapes
    device: torch.device
    report: IO[str]

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.device.type == "cuda" else torch.float32

    def tell(self, line: str) -> None:
        print(line, flush=True)
        self.report.write(f"{line}\n")
        self.report.flush()

    def made(self, build: Callable[[], M]) -> M:
        """Return a module with weights at random, made on the device: a CPU takes minutes."""
        with torch.device(self.device):
            return build().to(self.dtype).eval().requires_grad_(False)


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


def measure_networks(bench: Bench) -> None:
    """Accept each network in PyTorch; the last line counts what failed."""
    choice = choose("torch", str(bench.device), "float16")
    failed = 0
    with Maker() as maker, tempfile.TemporaryDirectory() as home:
        for name in bench.shapes.networks:
            build = seeded(BUILDS[name])
            source = NetworkSource(spec=build().spec, weights="random", build=build)
            case = Case(
                source=source,
                choice=choice,
                maker=maker,
                home=Path(home),
                report=lambda *_: None,
                soak=0,
            )
            for outcome in accept(case):
                bench.tell(str(outcome))
                failed += outcome.verdict == "FAIL"
    bench.tell(f"networks {len(bench.shapes.networks)}: {failed} checks failed")
    if failed:
        sys.exit(1)


def seeded(build: Callable[[], ExportableNetwork]) -> Callable[[], ExportableNetwork]:
    """Return `build`, with the same weights each time."""

    def same() -> ExportableNetwork:
        torch.manual_seed(0)
        return build()

    return same


def measure_whisper(bench: Bench) -> None:
    config, device, dtype = bench.shapes.whisper, bench.device, bench.dtype
    network = bench.made(lambda: Whisper(config))
    encoder, decoder = WhisperEncoderNetwork(network), WhisperDecoderNetwork(network, ((0, 0),))
    short = ShortNetwork(decoder, dtype)
    for batch in bench.shapes.batches:
        mel = torch.zeros(batch, config.mels, 2 * config.audio_context, device=device, dtype=dtype)
        encode = seconds(partial(encoder, mel))
        lengths = {"batch": batch, "frames": config.audio_context, "count": 1, "scored": 1}
        inputs, state = zeros(short, lengths)
        steps = {
            "eager": seconds(partial(short, *inputs.values(), *state.buffers.values()), times=10)
        }
        if device.type == "cuda":
            steps["graph"] = seconds(captured_in_torch(short, inputs, state), times=10)
        for kind, step in steps.items():
            whole = encode + TOKENS * step
            bench.tell(
                f"whisper  batch {batch:3} {kind}: encoder {1000 * encode:8.1f} ms, "
                f"step {1000 * step:7.2f} ms, {batch * WINDOW / whole:8.0f} streams in real time"
            )
        del inputs, state


def zeros(network: ShortNetwork, lengths: dict[str, int]) -> tuple[dict[str, Tensor], EngineState]:
    """Return zeroed inputs and caches; all slots are visible."""
    made = {}
    for each in (*network.spec.inputs, *network.spec.state):
        tensor = torch.zeros(each.size(lengths), dtype=each.dtype, device=network.device)
        made[each.name] = tensor.logical_not() if each.dtype == torch.bool else tensor
    state = {each.name: made.pop(each.name) for each in network.spec.state}
    return made, EngineState(state)


def measure_video(bench: Bench, name: str) -> None:
    shapes, device, dtype = bench.shapes, bench.device, bench.dtype
    config = shapes.decoders[name]
    tower = bench.made(lambda: SiglipTower(shapes.tower))
    decoder = bench.made(lambda: Decoder(config))
    side, batch = shapes.tower.side, 8
    images = torch.zeros(batch, 3, side, side, device=device, dtype=dtype)
    see = seconds(lambda: tower(images)) / batch
    rekv = Rekv(decoder, torch.tensor([1, 2, 3], device=device))
    state = rekv.init_state(BlockStore(StoreBudget(ram=64 << 30, disk=0)))
    question, stored, spent = torch.tensor([5, 6, 7, 8], device=device), 0, 0.0
    for length in shapes.streams:
        while stored < length:
            tokens = torch.randn(FRAME_TOKENS, config.width, dtype=dtype, device=device)
            began = time.perf_counter()
            at = FRAME_EVERY * stored
            state, _ = rekv.step(state, [Frame(tokens, at, at + FRAME_EVERY)])
            spent += time.perf_counter() - began
            stored += 1

        def first(*, now: bool) -> int:
            made = rekv.latest(state, LOOKS) if now else rekv.retrieve(state, question)  # noqa: B023
            return next(iter(rekv.reply(made, question, max_tokens=1)))

        token, token_now = (seconds(partial(first, now=now)) for now in (False, True))
        used = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else 0.0
        bench.tell(
            f"llava {name:>5}, {length * FRAME_EVERY / 60:5.1f} min: tower {1000 * see:7.1f} ms, "
            f"{1 / (see + spent / stored):6.1f} frames/s into the memory, first token "
            f"{1000 * token:7.1f} ms, about now {1000 * token_now:7.1f} ms, "
            f"{used:5.1f} GiB on the GPU"
        )


@torch.no_grad()
def measure(section: str, bench: Bench) -> None:
    if section == "networks":
        measure_networks(bench)
    elif section == "whisper":
        measure_whisper(bench)
    elif section.startswith("drawing-"):
        base = section.removeprefix("drawing-")
        for line in measure_drawing(base, bench.shapes.drawing[base], bench.made, seconds):
            bench.tell(line)
    else:
        measure_video(bench, section.removeprefix("video-"))


def run_sections(names: Sequence[str], options: Sequence[str], minutes: float, out: Path) -> int:
    """Run each section in a process; return how many failed or were cut off."""
    ends, failed = time.monotonic() + 60 * minutes, 0
    for name in names:
        left = ends - time.monotonic()
        command = [sys.executable, "-m", "tests.bench.gpu", "--section", name, "--out", str(out)]
        try:
            status = subprocess.run([*command, *options], timeout=max(0.1, left), check=False)
            how = f"ended with status {status.returncode}" if status.returncode else ""
        except subprocess.TimeoutExpired:
            how = "was cut off: no time is left"
        if how:
            failed += 1
            print(f"FAIL  {name}: {how}", flush=True)
            with out.open("a") as report:
                report.write(f"FAIL  {name}: {how}\n")
    return failed


def sections(shapes: Shapes) -> list[str]:
    """Return the names of all sections, what says most first."""
    videos = [f"video-{each}" for each in shapes.decoders]
    return ["networks", "whisper", *videos, *(f"drawing-{each}" for each in shapes.drawing)]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="tiny shapes, for any machine")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--minutes", type=float, default=9.0, help="for all sections")
    parser.add_argument(
        "--out", type=Path, default=Path("gpu.txt"), help="file that gets all lines"
    )
    parser.add_argument("--only", nargs="+", metavar="SECTION", help="run these, by default all")
    parser.add_argument("--section", help="run one only, in this process")
    given = parser.parse_args(arguments)
    shapes = TINY if given.tiny else FULL
    device = torch.device(given.device)
    if given.section is None:
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
        print(f"{name}, PyTorch {torch.__version__}", flush=True)
        names = given.only or sections(shapes)
        options = ["--device", given.device, *(["--tiny"] if given.tiny else [])]
        return int(run_sections(names, options, given.minutes, given.out) > 0)
    with given.out.open("a") as report:
        measure(given.section, Bench(shapes=shapes, device=device, report=report))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How fast the model that draws is, alone on this machine.

    python -m tests.bench.bench_generation speed --size 64 96 --threads 1 2
    python -m tests.bench.bench_generation runtime --size 64 96

Speed does not depend on the weights: they are random. `speed` gives the milliseconds of a latent (4
pictures) as best and median, pictures a second by the median, and the median of the processor time
of all threads, which other programs disturb less: of the codec's decoder, of each sampler with and
without decoding, and of the same model without a cache (MotionStream that reads its past anew in
each call; a chunk of all latents in flight made at once, from nothing). `runtime` gives the
processor time of one call of the transformer, which sees three latents and makes one, as PyTorch
runs it and as ONNX Runtime does. All figures of a call come from one run, in turns. `bench_drift`
measures whether a long stream stays as fast.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from models.generation.backbone import Backbone
from models.generation.codec import FRAMES_PER_LATENT, Codec, CodecConfig
from models.generation.context import Reach
from models.generation.control import ChunkControl
from models.generation.dit import Dit, DitConfig
from models.generation.generator import FrameGenerator
from models.generation.prompt_encoder import EncodedPrompt
from models.generation.samplers.motion_stream import MotionStream
from models.generation.samplers.rolling_forcing import RollingForcing
from models.generation.samplers.stream_dit import StreamDiT
from models.streaming import Streaming
from tests.models.generation.exported import Call, session_of

REACH = Reach(sink=2, window=1)  # as ships

Step = Callable[[], None]


def random_prompt(model: Dit) -> EncodedPrompt:
    return EncodedPrompt(torch.randn(8, model.config.text), torch.zeros(8))


def stepping(stream: Streaming[object, ChunkControl, object], prompt: EncodedPrompt) -> Step:
    """Return a function that generates the next chunk of the running `stream`."""
    state = stream.init_state()
    count = 0

    def step() -> None:
        nonlocal state, count
        track = torch.rand(1, FRAMES_PER_LATENT, 2, generator=torch.Generator().manual_seed(count))
        state, _ = stream.step(state, ChunkControl(prompt, track))
        count += 1

    for _ in range(6):  # windows are full, buffers are warm
        step()
    return step


def uncached(model: Dit, side: int, prompt: EncodedPrompt, steps: int) -> Step:
    """Return a function that makes a chunk as MotionStream does, reading its past in each call."""
    backbone = Backbone(model, side, side, REACH)
    text = backbone.cache_prompt(prompt, None).text
    past = torch.randn(1, model.config.channels, REACH.latents + 1, side, side)
    condition = torch.zeros(1, model.config.condition, REACH.latents + 1, side, side)
    levels = torch.tensor([*([0.0] * REACH.latents), 1.0])

    def step() -> None:
        for _ in range(steps):
            backbone.denoise(past, levels, text, condition)

    return step


def at_once(model: Dit, side: int, prompt: EncodedPrompt, latents: int, calls: int) -> Step:
    """Return a function that makes `latents` latents together in `calls` calls, seeing no past."""
    backbone = Backbone(model, side, side, Reach(sink=0, window=0), latents)
    sampler = StreamDiT(backbone, chunks=1, steps=calls)
    control = ChunkControl(prompt)

    def step() -> None:
        sampler.step(sampler.init_state(), control)

    return step


def decoding(codec: Codec, side: int) -> Step:
    latent = torch.randn(1, codec.config.channels, 1, side, side)
    memory = None

    def step() -> None:
        nonlocal memory
        with torch.no_grad():
            _, memory = codec.decode(latent, memory)

    for _ in range(4):
        step()
    return step


def cases(codec: Codec, model: Dit, side: int) -> dict[str, tuple[Step, int]]:
    """Return the functions to measure, and the number of latents of a call."""
    prompt = random_prompt(model)
    backbone = Backbone(model, side, side, REACH)
    moving = Backbone(model, side, side, Reach(sink=0, window=REACH.window))
    samplers: dict[str, object] = {
        "MotionStream, 1 step": MotionStream(backbone, (1.0,)),
        "MotionStream, 2 steps": MotionStream(backbone, (1.0, 0.7)),
        "MotionStream, 3 steps": MotionStream(backbone, (1.0, 0.8, 0.5)),
        "Rolling Forcing, 5 in flight": RollingForcing(backbone),
        "StreamDiT, 5 in flight, 1 step": StreamDiT(moving),
    }
    steps = {"decoder alone": (decoding(codec, side), 1)}
    for name, sampler in samplers.items():
        stream: Streaming[object, ChunkControl, Tensor] = sampler  # type: ignore[assignment]  # each has its own state
        steps[name] = (stepping(stream, prompt), 1)
        steps[f"{name}, decoded"] = (stepping(FrameGenerator(stream, codec), prompt), 1)  # type: ignore[arg-type]  # the same
    steps["no cache: MotionStream's 2 steps"] = (uncached(model, side, prompt, 2), 1)
    steps["no past: 5 latents at once, 5 calls"] = (at_once(model, side, prompt, 5, 5), 5)
    return steps


def speed(codec: Codec, model: Dit, size: int, repeats: int) -> None:
    """Print milliseconds of a latent and pictures a second."""
    steps = cases(codec, model, size // 8)
    times: dict[str, list[float]] = {name: [] for name in steps}
    worked: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(repeats):
        for name, (step, latents) in steps.items():  # in turns: a busy machine is busy for all
            started, busy = time.perf_counter(), time.process_time()
            step()
            worked[name].append((time.process_time() - busy) / latents * 1000)
            times[name].append((time.perf_counter() - started) / latents * 1000)
    print(f"\n{size} px, {torch.get_num_threads()} thread(s)")
    print(f"{'':40} {'best ms':>8} {'median':>8} {'frames/s':>11} {'work ms':>8}")
    for name, each in times.items():
        middle, work = statistics.median(each), statistics.median(worked[name])
        rate = FRAMES_PER_LATENT * 1000 / middle
        print(f"{name:40} {min(each):8.1f} {middle:8.1f} {rate:11.1f} {work:8.1f}")


def runtime(model: Dit, size: int, repeats: int) -> None:
    """Print milliseconds of processor time of a call in PyTorch and in ONNX Runtime."""
    side, config = size // 8, model.config
    seen = 3 * (side // config.patch) ** 2
    words = torch.randn(2, config.layers, 1, config.heads, 12, config.head_dim)
    past = torch.randn(2, config.layers, 1, config.heads, seen, config.head_dim)
    picture = (1, side, side)
    feeds = (
        torch.randn(1, config.channels, *picture),
        torch.full((1, 1), 0.7),
        words[0],
        words[1],
        torch.zeros(1, 1, 1, 12),
        torch.rand(1, config.condition, *picture),
        past[0],
        past[1],
    )
    call = Call(model).eval()
    session = session_of(call, feeds, threads=torch.get_num_threads())
    named = {
        given.name: feed.numpy() for given, feed in zip(session.get_inputs(), feeds, strict=True)
    }

    def eager() -> None:
        with torch.no_grad():
            call(*feeds)

    steps: dict[str, Step] = {
        "PyTorch, eager": eager,
        "ONNX Runtime": lambda: session.run(None, named),
    }
    worked: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(repeats):
        for name, step in steps.items():
            busy = time.process_time()
            step()
            worked[name].append((time.process_time() - busy) * 1000)
    print(f"\n{size} px, {torch.get_num_threads()} thread(s): work of a call, median ms")
    for name, each in worked.items():
        print(f"{name:40} {statistics.median(each):8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["speed", "runtime"])
    parser.add_argument("--size", type=int, nargs="+", default=[64])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--repeats", type=int, default=40)
    options = parser.parse_args()
    torch.manual_seed(0)
    codec = Codec(CodecConfig()).eval()
    model = Dit(DitConfig(channels=codec.config.channels)).eval()
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"transformer {count / 1e6:.1f}M parameters")
    for threads in options.threads:
        torch.set_num_threads(threads)
        for size in options.size:
            if options.what == "speed":
                speed(codec, model, size, options.repeats)
            else:
                runtime(model, size, options.repeats)


if __name__ == "__main__":
    main()

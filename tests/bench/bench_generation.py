"""How fast the model that draws is, alone on this machine.

    python -m tests.bench.bench_generation --size 96 128 --threads 1
    python -m tests.bench.bench_generation --size 96 --backend torch

Speed does not depend on the weights: they are random. It gives the milliseconds of a latent (4
pictures) as best and median, pictures a second by the median, and the median of the processor time
of all threads, which other programs disturb less: of the codec's encoder and decoder, of each
sampler with and without decoding, of several sessions that draw at once (a latent of each), and of
the same model without a cache (MotionStream that reads its past anew in each call; a chunk of all
latents in flight made at once, from nothing). All figures of a size come from one run, in turns.
`bench_drift` measures whether a long stream stays as fast. `--backend` is that of EYELINE_BACKEND;
networks are exported to `--engines` once.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from models.engine import EngineLoader
from models.generation.backbone import Backbone
from models.generation.calls import run_alone, run_together
from models.generation.codec.codec import FRAMES_PER_LATENT, PATCH, Codec, CodecConfig, FeatureCache
from models.generation.codec.networks import CodecEngines, load_codec_engines
from models.generation.context import Reach
from models.generation.control import ChunkControl
from models.generation.denoising_networks import DitEngines, DitSize, load_dit_engines
from models.generation.dit import Dit, DitConfig
from models.generation.generator import FrameGenerator, Sampler
from models.generation.prompt_encoder import EncodedPrompt
from models.generation.samplers.motion_stream import MotionStream
from models.generation.samplers.rolling_forcing import RollingForcing
from models.generation.samplers.stream_dit import StreamDiT
from models.streaming import Streaming
from web.config import Settings
from web.loading.engines import stored_engines

REACH = Reach(sink=2, window=1)  # as ships

Step = Callable[[], None]


def random_prompt(config: DitConfig) -> EncodedPrompt:
    return EncodedPrompt(torch.randn(8, config.text), torch.zeros(8))


def control(prompt: EncodedPrompt, index: int) -> ChunkControl:
    """Return the control of chunk `index`, with a track at random."""
    rng = torch.Generator().manual_seed(index)
    return ChunkControl(prompt, torch.rand(1, FRAMES_PER_LATENT, 2, generator=rng))


def stepping(stream: Streaming[Any, ChunkControl, Any], prompt: EncodedPrompt) -> Step:
    """Return a function that generates the next chunk of the running `stream`."""
    state = stream.init_state()
    count = 0

    def step() -> None:
        nonlocal state, count
        state, _ = stream.step(state, control(prompt, count))
        count += 1

    for _ in range(6):  # windows are full, buffers are warm
        step()
    return step


def together(stream: FrameGenerator[object], prompt: EncodedPrompt, sessions: int) -> Step:
    """Return a function that generates the next chunk of `sessions` streams at once."""
    states = [stream.init_state() for _ in range(sessions)]
    count = 0

    def step() -> None:
        nonlocal states, count
        chunk = control(prompt, count)
        states = [made[0] for made in run_together([stream.calls(s, chunk) for s in states])]
        count += 1

    for _ in range(6):
        step()
    return step


def uncached(backbone: Backbone, prompt: EncodedPrompt, steps: int) -> Step:
    """Return a function that makes a chunk as MotionStream does, reading its past in each call."""
    text = run_alone(backbone.cache_prompt(prompt, None)).text
    config, side = backbone.config, backbone.shape[3]
    past = torch.randn(1, config.channels, REACH.latents + 1, side, side)
    condition = torch.zeros(1, config.condition, REACH.latents + 1, side, side)
    levels = torch.tensor([*([0.0] * REACH.latents), 1.0])

    def step() -> None:
        for _ in range(steps):
            run_alone(backbone.denoise(past, levels, text, condition))

    return step


def at_once(backbone: Backbone, prompt: EncodedPrompt, latents: int, calls: int) -> Step:
    """Return a function that makes `latents` latents together in `calls` calls, seeing no past."""
    text = run_alone(backbone.cache_prompt(prompt, None)).text
    config, side = backbone.config, backbone.shape[3]
    noisy = torch.randn(1, config.channels, latents, side, side)
    condition = torch.zeros(1, config.condition, latents, side, side)

    def step() -> None:
        for call in range(calls):
            levels = torch.full((latents,), 1 - call / calls)
            run_alone(backbone.denoise(noisy, levels, text, condition))

    return step


def coding(codec: CodecEngines, side: int, *, decode: bool) -> Step:
    shape = (codec.config.channels, 1, side, side) if decode else (3, 4, PATCH * side, PATCH * side)
    given = torch.randn(1, *shape)
    memory: FeatureCache | None = None

    def step() -> None:
        nonlocal memory
        call = codec.decode if decode else codec.encode
        _, memory = run_alone(call(given, memory))

    for _ in range(4):
        step()
    return step


def cases(codec: CodecEngines, backbone: Backbone, moving: Backbone) -> dict[str, tuple[Step, int]]:
    """Return the functions to measure, and the number of latents of a call."""
    prompt, side = random_prompt(backbone.config), backbone.shape[3]
    samplers: dict[str, object] = {
        "MotionStream, 1 step": MotionStream(backbone, (1.0,)),
        "MotionStream, 2 steps": MotionStream(backbone, (1.0, 0.7)),
        "MotionStream, 3 steps": MotionStream(backbone, (1.0, 0.8, 0.5)),
        "Rolling Forcing, 5 in flight": RollingForcing(backbone),
        "StreamDiT, 5 in flight, 1 step": StreamDiT(moving),
    }
    steps = {
        "encoder alone": (coding(codec, side, decode=False), 1),
        "decoder alone": (coding(codec, side, decode=True), 1),
    }
    for name, sampler in samplers.items():
        stream: Sampler[object] = sampler  # type: ignore[assignment]  # each has its own state
        steps[name] = (stepping(stream, prompt), 1)
        steps[f"{name}, decoded"] = (stepping(FrameGenerator(stream, codec), prompt), 1)
    two: Sampler[object] = MotionStream(backbone, (1.0, 0.7))  # type: ignore[assignment]
    for sessions in (2, 4):
        both = together(FrameGenerator(two, codec), prompt, sessions)
        steps[f"MotionStream, 2 steps, decoded, {sessions} sessions"] = (both, sessions)
    steps["no cache: MotionStream's 2 steps"] = (uncached(backbone, prompt, 2), 1)
    steps["no past: 5 latents at once, 5 calls"] = (at_once(backbone, prompt, 5, 5), 5)
    return steps


def random_engines(load_engine: EngineLoader, size: int) -> tuple[CodecEngines, DitEngines]:
    """Return the codec and the transformer that ship, for `size` pixels, with random weights."""
    torch.manual_seed(0)
    side, config = size // PATCH, CodecConfig()
    codec = load_codec_engines(
        config,
        side,
        side,
        lambda: Codec(config).eval(),
        load_engine=load_engine,
        weights="random",
    )
    dit = DitConfig(channels=config.channels)
    engines = load_dit_engines(
        dit,
        DitSize(height=side, width=side, reach=REACH),
        lambda: Dit(dit).eval(),
        load_engine=load_engine,
        weights="random",
    )
    return codec, engines


def speed(load_engine: EngineLoader, size: int, repeats: int) -> None:
    """Print milliseconds of a latent and pictures a second."""
    codec, engines = random_engines(load_engine, size)
    moving = Backbone(engines, Reach(sink=0, window=REACH.window))
    steps = cases(codec, Backbone(engines, REACH), moving)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs="+", default=[96])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--backend", choices=["torch", "onnxruntime"], default="onnxruntime")
    parser.add_argument("--engines", type=Path, default=Path(".cache/eyeline/bench/engines"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    settings = Settings(backend=options.backend, engines=options.engines)
    with stored_engines(settings) as load_engine:
        for size in options.size:
            speed(load_engine, size, options.repeats)


if __name__ == "__main__":
    main()

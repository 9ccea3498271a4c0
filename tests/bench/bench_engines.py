"""Each network of the service in each runtime: ms a run, memory, and how far from eager.

    python -m tests.bench.bench_engines --threads 1
    python -m tests.bench.bench_engines whisper-decoder drawing-denoising --runtimes eager onnx

One row for each network, way of use (profile) and runtime, in a process of its own: median and 95th
percentile of the runs, and what loading and running added to the process's memory. `compile` is
torch.compile, which needs a C++ compiler; `int8` is ONNX Runtime with matrices of 8 bits, as the
service runs the networks that say so.
`off` is the largest difference from eager, as a share of the largest output, over random inputs: it
says nothing of words or answers. Engines are those of EYELINE_ENGINES, and are made if missing.

`video-llm-layer-0.5b` and `-7b` are a layer of LLaVA-OneVision's decoders, with random weights.

With ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 PyTorch is
limited to AVX2. ONNX Runtime has kernels of its own, which these variables do not limit.
"""

import argparse
import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from models.engine import Engine, ExportableNetwork, NetworkSource, TorchEngine
from models.language.decoder_networks import CacheSizes
from models.language.layer_networks import LayerNetwork, layer_spec
from models.memory.kv_store.malloc_trim import release_free_memory
from tests.bench.gpu_shapes import FULL
from trt_engines.acceptance.figures import latencies
from trt_engines.acceptance.rollout import Rollout, deviation, rollout
from trt_engines.backends.onnx_runtime import OrtEngine
from trt_engines.store.folder import EngineFolder
from trt_engines.store.maker import Maker
from trt_engines.store.making import EngineStore
from web.cli.engines.sources import networks
from web.config import Settings, read_settings

OPENING = 14  # tokens of LLaVA-OneVision's
RUNTIMES = ("eager", "compile", "onnx", "int8")


def resident() -> float:
    """Return the memory of this process in MB, without pages of files."""
    release_free_memory()
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1000


def found(settings: Settings, name: str | None = None) -> list[NetworkSource]:
    """Return the networks of the service, and layers of published sizes; or the one of a name."""
    layers = {}
    for size, config in FULL.decoders.items():
        own = f"video-llm-layer-{size.lower()}"
        spec = layer_spec(config, CacheSizes(OPENING), torch.float32, name=own, by_head=False)
        build = partial(LayerNetwork, spec, config, sinks=OPENING)
        layers[own] = NetworkSource(spec=spec, weights="inputs", build=build)
    if name is not None:
        return [layers[name]] if name in layers else networks(settings, name)
    return [*networks(settings), *layers.values()]


def load(source: NetworkSource, runtime: str, file: Path, threads: int) -> Engine:
    """Return the network in a runtime."""
    if runtime == "eager":
        return TorchEngine(source.build())
    if runtime == "compile":
        network = source.build()
        network.forward = torch.compile(network.forward)
        return TorchEngine(network)
    return OrtEngine(source.spec, file, threads=threads)


def ways(steps: Rollout) -> Iterator[tuple[str, Rollout]]:
    """Return the steps of each profile, with the lengths that it is tuned for."""
    profiles = steps.spec.profiles or ({},)
    for number, profile in enumerate(profiles):
        others = (*profiles[:number], *profiles[number + 1 :])
        spec = dataclasses.replace(steps.spec, profiles=(profile, *others))
        lengths = {name: limits.optimum for name, limits in profile.items()}
        text = " ".join(f"{name} {length}" for name, length in sorted(lengths.items()))
        yield text, dataclasses.replace(steps, spec=spec)


def measure(name: str, runtime: str, threads: int, count: int) -> None:
    """Print a JSON line for each profile of a network."""
    torch.set_num_threads(threads)
    settings = read_settings()
    (source,) = found(settings, name)
    with Maker() as maker:
        store = EngineStore(EngineFolder(settings.engines), maker)
        file = store.onnx(source).file
        run = store.packed(source, "int8" if runtime == "int8" else "float32").file
    before = resident()
    engine = load(source, runtime, run, threads)
    reference: ExportableNetwork | None = None
    for text, steps in ways(rollout(source.spec, file)):
        state, inputs = engine.new_state(**steps.lengths), steps.inputs(0)
        took = latencies(lambda _: engine.run(inputs, state), count)  # noqa: B023  (runs at once)
        row = {"profile": text, **took, "mb": resident() - before}
        if runtime != "eager":
            reference = reference or source.build()
            row["off"] = deviation(steps, engine, TorchEngine(reference), 3)
        print(json.dumps(row), flush=True)


def rows(name: str, runtime: str, threads: int, count: int) -> Iterator[str]:
    """Return the rows of a network in a runtime, measured in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.bench_engines", name, "--row", runtime]
    options = ["--threads", str(threads), "--runs", str(count)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    for line in (each for each in done.stdout.splitlines() if each.startswith("{")):
        row = json.loads(line)
        off = f"{row['off']:8.0e}" if "off" in row else f"{'':8}"
        yield (
            f"{name:<22} {runtime:<8} {row['p50_ms']:9.2f} {row['p95_ms']:9.2f} "
            f"{row['mb']:7.0f} {off}  {row['profile']}"
        )
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or ["?"])[-1]
        yield f"{name:<22} {runtime:<8} failed: {why[:100]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks (all)")
    parser.add_argument("--runtimes", nargs="+", choices=RUNTIMES, default=RUNTIMES)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--row", choices=RUNTIMES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.row is not None:
        measure(given.names[0], given.row, given.threads, given.runs)
        return
    names = given.names or [each.spec.name for each in found(read_settings())]
    print(f"{given.threads} threads; PyTorch uses {torch.backends.cpu.get_cpu_capability()}")
    print(f"{'network':<22} {'runtime':<8} {'p50 ms':>9} {'p95 ms':>9} {'MB':>7} {'off':>8}")
    for name in names:
        for runtime in given.runtimes:
            for row in rows(name, runtime, given.threads, given.runs):
                print(row, flush=True)


if __name__ == "__main__":
    main()

"""Compiles every packaged network in full size with TensorRT-RTX, which needs no GPU for that.

    python -m tests.bench.bench_compiling --folder FOLDER
    python -m tests.bench.bench_compiling --folder FOLDER smollm2 --precision bfloat16

The tests compile small variants; this is the job for a change of a network, of the exporter or of
TensorRT-RTX. It takes some minutes of two quiet cores. Names, types, profiles and caches of each
compiled network are compared with its spec. A line for each network says how long exporting and
compiling took; the exit status is 1 if one fails. What is in FOLDER already is not made again.
"""

import argparse
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from models.engine import NetworkSource
from models.errors import EngineError
from trt_engines.precision import Precision, precision_of
from trt_engines.store.folder import EngineFolder
from trt_engines.store.maker import Maker
from trt_engines.store.making import EngineStore
from web.cli.engines.sources import networks
from web.config import read_settings

RECOGNIZERS = ("local-agreement", "causal", "ancat")  # each has networks of its own
PRECISIONS: tuple[Precision, ...] = ("float16", "bfloat16", "float32")


def packaged(names: Sequence[str]) -> Iterator[NetworkSource]:
    """Yield each network of the packaged models once, or those named."""
    seen: set[str] = set()
    for recognizer in RECOGNIZERS:
        settings = read_settings().model_copy(update={"asr": recognizer})
        for source in networks(settings, fixed_caches=True):
            name = source.spec.name
            if name not in seen and (not names or name in names):
                seen.add(name)
                yield source
    if unknown := set(names) - seen:
        raise SystemExit(f"no network is named {', '.join(sorted(unknown))}")


def compile_network(
    source: NetworkSource, precision: Precision, target: str, store: EngineStore
) -> str:
    """Compile a network; return what to print of it.

    Raises:
        EngineError: it cannot be exported or compiled, or differs from its spec.
    """
    began = time.monotonic()
    file = store.onnx(source, precision)
    exported = time.monotonic()
    engine = store.compiled(source, "tensorrt_rtx", target, precision)
    compiled = time.monotonic()
    return (
        f"exported {exported - began:6.1f} s, {file.size / 1e6:7.1f} MB; "
        f"compiled {compiled - exported:6.1f} s, {engine.size / 1e6:7.1f} MB"
    )


def compile_all(given: argparse.Namespace, store: EngineStore) -> int:
    """Compile the networks of the arguments, and print a line for each; return how many failed."""
    failed = 0
    for source in packaged(given.names):
        precision = precision_of(source, given.precision)
        label = f"{source.spec.name:<24} {precision:<9} {given.target}"
        try:
            found = compile_network(source, precision, given.target, store)
            print(f"PASS  {label} {found}", flush=True)
        except EngineError as error:
            failed += 1
            print(f"FAIL  {label} {error}", flush=True)
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks (all)")
    parser.add_argument("--folder", type=Path, required=True, help="for what is made")
    parser.add_argument("--precision", choices=PRECISIONS, default="float16")
    parser.add_argument("--target", default="sm89", help="GPU architecture")
    given = parser.parse_args()
    with Maker() as maker:
        failed = compile_all(given, EngineStore(EngineFolder(given.folder), maker))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{failed} failed; the largest process took {peak:.0f} MiB")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

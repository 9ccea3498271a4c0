"""Compiles an exported network with TensorRT or TensorRT-RTX."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.engine import NEXT, EngineSpec, Profile, TensorSpec
from models.errors import EngineError
from trt_engines.backends.tensorrt_library import (
    Library,
    check_target,
    library_logger,
    load_library,
    torch_type,
)

Progress = Callable[[str, int, int], None]  # phase, steps done, steps in all or 0 if unknown


def compile_engine(
    library: Library, spec: EngineSpec, onnx: Path, target: str, progress: Progress
) -> bytes:
    """Return the engine of the file `onnx` for the GPU architecture `target`.

    Raises:
        EngineError: the library does not load, or cannot parse, compile or target it.
    """
    check_target(library, target)
    trt = load_library(library)
    progress("parsing", 0, 0)
    builder, network, _parser = parse(library, spec, onnx)
    check_network(trt, network, spec)
    config = builder.create_builder_config()
    for profile in build_profiles(builder, spec):
        if config.add_optimization_profile(profile) < 0:
            raise EngineError(f"{spec.name}: {library} refuses a profile")
    _aim(trt, config, library, target)
    monitor = _monitor(trt, progress)
    config.progress_monitor = monitor
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise EngineError(f"{spec.name} cannot be compiled by {library} for {target}")
    return bytes(engine)


def parse(library: Library, spec: EngineSpec, onnx: Path) -> tuple[Any, Any, Any]:
    """Return builder, network and parser of the file; the network lives as long as all three.

    Raises:
        EngineError: the library does not load, or cannot read the file.
    """
    trt, logger = load_library(library), library_logger(library)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(onnx)):
        errors = [parser.get_error(each).desc() for each in range(parser.num_errors)]
        raise EngineError(f"{spec.name} cannot be parsed by {library}: {'; '.join(errors)}")
    for layer in _layers(network):
        if layer.type == trt.LayerType.ATTENTION_INPUT:
            layer.__class__ = trt.IAttentionInputLayer
            layer.attention.decomposable = True  # where no kernel has this head size or type
    return builder, network, parser


def build_profiles(builder: Any, spec: EngineSpec) -> list[Any]:
    """Return an optimization profile of the library for each profile of `spec`."""
    made = []
    profiles: tuple[Profile, ...] = spec.profiles or ({},)
    for lengths in profiles:
        profile = builder.create_optimization_profile()
        for each in (*spec.inputs, *spec.state):
            sizes = (
                {name: getattr(limits, kind) for name, limits in lengths.items()}
                for kind in ("minimum", "optimum", "maximum")
            )
            profile.set_shape(each.name, *(each.size(size) for size in sizes))
        made.append(profile)
    return made


def check_network(trt: Any, network: Any, spec: EngineSpec) -> None:
    """Compare names, types, shapes and aliased caches of a parsed network with `spec`.

    Raises:
        EngineError: one differs.
    """
    inputs = [network.get_input(each) for each in range(network.num_inputs)]
    outputs = [network.get_output(each) for each in range(network.num_outputs)]
    state = list(spec.state)
    _compare(trt, spec.name, inputs, [*spec.inputs, *state])
    renamed = [TensorSpec(each.name + NEXT, each.dtype, each.shape) for each in state]
    _compare(trt, spec.name, outputs, [*spec.outputs, *renamed])
    aliased = aliases(trt, network)
    for each in state:
        if aliased.get(each.name + NEXT) != each.name:
            raise EngineError(f"{spec.name}: {each.name} is not updated in place")


def aliases(trt: Any, network: Any) -> dict[str, str]:
    """Return the input that each output of a parsed network is written over."""
    return {
        layer.get_output(0).name: layer.get_input(0).name
        for layer in _layers(network)
        if layer.type == trt.LayerType.KV_CACHE_UPDATE
    }


def _compare(trt: Any, name: str, found: list[Any], wanted: list[TensorSpec]) -> None:
    if [each.name for each in found] != [each.name for each in wanted]:
        raise EngineError(
            f"{name}: the network has {[each.name for each in found]}, expected "
            f"{[each.name for each in wanted]}"
        )
    for tensor, spec in zip(found, wanted, strict=True):
        shape = tuple(part if isinstance(part, int) else -1 for part in spec.shape)
        if torch_type(trt, tensor.dtype) != spec.dtype or tuple(tensor.shape) != shape:
            raise EngineError(
                f"{name}: {spec.name} is {tensor.dtype} {tuple(tensor.shape)} in the network, "
                f"not {spec.dtype} {spec.shape}"
            )


def _layers(network: Any) -> list[Any]:
    return [network.get_layer(each) for each in range(network.num_layers)]


def _aim(trt: Any, config: Any, library: Library, target: str) -> None:
    """Set the GPU architecture that is compiled for."""
    if library == "tensorrt_rtx":
        config.num_compute_capabilities = 1
        if not config.set_compute_capability(getattr(trt.ComputeCapability, target.upper()), 0):
            raise EngineError(f"{library} refuses the target {target}")


def _monitor(trt: Any, progress: Progress) -> Any:
    """Return a progress monitor of the library: it tells of phases, not of their parts."""

    class BuildMonitor(trt.IProgressMonitor):  # type: ignore[misc]  # no annotations
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.whole = ""  # the phase that all others are parts of
            self.steps: dict[str, int] = {}

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            if parent is None:
                self.whole = name
            elif parent == self.whole:
                self.steps[name] = steps
                progress(f"compiling: {name}", 0, steps)

        def step_complete(self, name: str, step: int) -> bool:
            if name in self.steps:
                progress(f"compiling: {name}", step + 1, self.steps[name])
            return True

        def phase_finish(self, name: str) -> None:
            self.steps.pop(name, None)

    return BuildMonitor()

"""What the process that makes engines is asked to do.

What exports and quantizes is imported there alone: with its libraries it takes 35 MB.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from models.engine import EngineSpec, ExportableNetwork
from trt_engines.backends.onnx_runtime import pack
from trt_engines.backends.tensorrt_building import compile_engine
from trt_engines.backends.tensorrt_library import Library

Progress = Callable[[str, int, int], None]  # phase, steps done, steps in all or 0 if unknown


class EngineJob(Protocol):
    """Work on one network, which writes `file`."""

    @property
    def name(self) -> str: ...

    @property
    def file(self) -> Path: ...

    def run(self, progress: Progress) -> None:
        """Do it.

        Raises:
            EngineError, OSError: it failed.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Exports `network` to an ONNX file, with matrices of 8 bits if `int8`.

    If `packed`, ONNX Runtime alone can load it.
    """

    network: ExportableNetwork
    file: Path
    int8: bool = False
    packed: bool = False

    @property
    def name(self) -> str:
        return self.network.spec.name

    def run(self, progress: Progress) -> None:
        from trt_engines.export import export

        progress("exporting", 0, 0)
        export(self.network, self.file)
        if self.int8:
            from trt_engines.int8 import quantize

            progress("quantizing", 0, 0)
            quantize(self.file)
        if self.packed:
            progress("packing", 0, 0)
            pack(self.file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compile:
    """Compiles the file `onnx` for the GPU architecture `target`."""

    spec: EngineSpec
    onnx: Path
    file: Path
    library: Library
    target: str

    @property
    def name(self) -> str:
        return self.spec.name

    def run(self, progress: Progress) -> None:
        engine = compile_engine(self.library, self.spec, self.onnx, self.target, progress)
        progress("writing", 0, 0)
        self.file.write_bytes(engine)

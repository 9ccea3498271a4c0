"""The packaged networks of PP-OCRv6, run by ONNX Runtime on the CPU."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.errors import EngineError, WeightsError

Floats = NDArray[np.float32]


class OnnxNetwork:
    """A network with one input and one output; `metadata` is what its file says of itself.

    It keeps no memory between two runs: it is used seldom, and pictures have many sizes.

    Raises:
        WeightsError: `file` is missing or no network.
    """

    def __init__(self, file: Path, *, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session: Any = onnxruntime.InferenceSession(  # it has no annotations
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's errors have no common base but this
            raise WeightsError(
                f"{file}: not a network ({error}); fetch its weights again"
            ) from error
        self._input: str = self._session.get_inputs()[0].name
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(self, images: Floats) -> Floats:
        """Return the output for images, (batch, 3, height, width).

        Raises:
            EngineError: it failed.
        """
        try:
            output: Floats = self._session.run(None, {self._input: images})[0]
        except Exception as error:
            raise EngineError(f"a network of text could not run: {error}") from error
        return output


def as_input(pixels: NDArray[np.uint8] | Floats) -> Floats:
    """Return RGB pixels (height, width, 3), 0 to 255, as BGR (3, height, width) in [-1, 1]."""
    scaled = np.asarray(pixels, np.float32)[:, :, ::-1] / 127.5 - 1
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))

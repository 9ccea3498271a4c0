"""GGUF files: metadata by key, and tensors by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFReader, ReaderField, ReaderTensor, dequantize
from numpy.typing import DTypeLike, NDArray

from models.errors import WeightsError


@dataclass(frozen=True, slots=True, eq=False)
class GgufFile:
    """Fields by key, and tensors by name; the data of the tensors is mapped, not read."""

    path: Path
    fields: Mapping[str, ReaderField]
    tensors: Mapping[str, ReaderTensor]

    def number(self, key: str) -> float:
        """Return the number under `key`.

        Raises:
            WeightsError: there is none.
        """
        value = self._value(key)
        if not isinstance(value, int | float):
            raise WeightsError(f"the GGUF file has no number {key!r}")
        return value

    def array(self, key: str) -> list[Any]:
        """Return the array under `key`, of strings or numbers as the file states.

        Raises:
            WeightsError: there is none.
        """
        value = self._value(key)
        if not isinstance(value, list):
            raise WeightsError(f"the GGUF file has no array {key!r}")
        return value

    def mapped(self, name: str) -> NDArray[np.uint8]:
        """Return the bytes of the tensor `name` in a mapping of their own: what is read, stays.

        Raises:
            KeyError: there is none.
        """
        tensor = self.tensors[name]
        return np.memmap(
            self.path, np.uint8, mode="r", offset=tensor.data_offset, shape=tensor.data.shape
        )

    def floats(self, name: str) -> NDArray[np.float32]:
        """Return the tensor `name`, unpacked to float32, in a memory of its own.

        Raises:
            KeyError: there is none.
            NotImplementedError: its type cannot be unpacked.
        """
        tensor = self.tensors[name]
        return np.require(dequantize(tensor.data, tensor.tensor_type), requirements="W")

    def _value(self, key: str) -> Any:  # of the type that the file states
        field = self.fields.get(key)
        return None if field is None else field.contents()


class _Reader(GGUFReader):
    """The package's reader, five times faster, for little-endian files only.

    Arrays over the file's memory replace slices of `numpy.memmap`, which take most of the time.
    They also raise ValueError if the file is cut short, instead of being shorter.
    """

    def _get(
        self,
        offset: int,
        dtype: DTypeLike,
        count: int = 1,
        override_order: str | None = None,
    ) -> NDArray[Any]:
        del override_order
        return np.frombuffer(self.data, dtype, int(count), offset)


def read(path: Path) -> GgufFile:
    """Return the content of the file at `path`.

    Raises:
        WeightsError: it cannot be read, is not GGUF, is cut short, or has an unknown type.
    """
    try:
        reader = _Reader(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error})") from error
    except (ValueError, KeyError, OverflowError) as error:
        raise WeightsError(f"{path}: not a whole GGUF file ({error}); fetch it again") from error
    return GgufFile(path, reader.fields, {tensor.name: tensor for tensor in reader.tensors})

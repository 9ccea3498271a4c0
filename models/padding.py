"""Runs of different lengths that are filled up to be one run of a network."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from models.engine import EngineSpec, EngineState, TensorSpec

Lengths = Mapping[str, int]  # of dimensions, by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Padding:
    """Which dimensions of a network may be filled up; what comes out of the filling is cut off.

    The filling is cached behind what a run caches itself, which are as many slots as the dimension
    `cached` is long, from those in the input `start` on. So it must not be seen before a later
    run has overwritten it.
    """

    dimensions: tuple[str, ...]
    cached: str
    start: str

    def rounded(
        self, lengths: Lengths, inputs: Mapping[str, Tensor], state: EngineState | None
    ) -> dict[str, int]:
        """Return `lengths` rounded up to powers of two, if the caches have room.

        Runs of the same rounded lengths can be one: at most half of it is filling.
        """
        wanted = {name: 1 << (lengths[name] - 1).bit_length() for name in self.dimensions}
        caches = state.buffers.values() if state is not None else ()
        slots = min((buffer.shape[2] for buffer in caches), default=0)
        fits = int(inputs[self.start].max()) + wanted[self.cached] <= slots
        return {**lengths, **wanted} if fits else dict(lengths)


def filled(spec: EngineSpec, inputs: Mapping[str, Tensor], lengths: Lengths) -> dict[str, Tensor]:
    """Return `inputs` as long as `lengths` say, with their last entries repeated."""
    return {each.name: _resized(each, inputs[each.name], lengths) for each in spec.inputs}


def cut(spec: EngineSpec, outputs: Mapping[str, Tensor], lengths: Lengths) -> dict[str, Tensor]:
    """Return the first entries of `outputs`."""
    return {each.name: _resized(each, outputs[each.name], lengths) for each in spec.outputs}


def _resized(spec: TensorSpec, tensor: Tensor, lengths: Lengths) -> Tensor:
    for axis, name in enumerate(spec.shape):
        now = tensor.shape[axis]
        wanted = lengths.get(name, now) if isinstance(name, str) else now
        if wanted < now:
            tensor = tensor.narrow(axis, 0, wanted)
        elif wanted > now:
            places = torch.arange(wanted, device=tensor.device).clamp(max=now - 1)
            tensor = tensor.index_select(axis, places)
    return tensor

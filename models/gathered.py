"""Runs of one network for several streams, gathered into one run of the engine.

Rows of a run do not depend on each other, so each stream gets what it would get alone, but for
rounding. That is not so for matrices of 8 bits: one scale holds for all rows of a run.

The caches of streams are rows of one cache, and so is what they read again in each run: the sound
of a text. So nothing is copied for streams whose rows are side by side.
"""

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from models.engine import Engine, EngineSpec, EngineState, TensorSpec
from models.padding import Lengths, Padding, cut, filled

MIN_KEPT = 1 << 14  # numbers in a row of an input that is kept: a mask is less, a sound is more


@dataclass(frozen=True, slots=True, eq=False)
class EngineRun:
    """The arguments of `Engine.run`: one or more rows of a stream."""

    inputs: Mapping[str, Tensor]
    state: EngineState | None = None

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        return self.inputs if self.state is None else {**self.inputs, **self.state.buffers}


def row_dimension(spec: EngineSpec) -> str:
    """Return the name of the dimension that counts rows: the first one of the first input."""
    name = spec.inputs[0].shape[0]
    assert isinstance(name, str)
    return name


class SharedRows:
    """Runs `engine` for up to `count` streams at once.

    With `padding`, runs of different lengths may be one. One thread at a time may call `run`, and
    one `new_state`.
    """

    def __init__(self, engine: Engine, count: int, padding: Padding | None = None) -> None:
        self._engine = engine
        self._padding = padding
        self._caches = CacheRows(engine, count)
        self._kept = KeptInputs(count)

    def new_state(self) -> EngineState:
        """Return zeroed caches of one stream."""
        return self._caches.new_state()

    def run(self, runs: Sequence[EngineRun]) -> list[dict[str, Tensor]]:
        """Return the outputs of each of `runs`, whose dimensions may differ.

        Those whose dimensions differ in the number of rows only, or in what can be filled up, are
        one run of the engine, as far as it takes so many rows. If one fails, the others may be run
        again with the same result.

        Raises:
            EngineError: a tensor does not fit, or a run failed.
        """
        spec, found = self._engine.spec, dict[int, dict[str, Tensor]]()
        lengths = [spec.dimensions(run.tensors) for run in runs]
        filling = self._padding.dimensions if self._padding is not None else ()
        for indexes in self._groups(runs, lengths):
            if len(indexes) == 1:
                (index,) = indexes
                found[index] = self._engine.run(runs[index].inputs, runs[index].state)
                continue
            indexes.sort(key=lambda index: self._row(runs[index]))
            longest = {name: max(lengths[index][name] for index in indexes) for name in filling}
            group = [
                EngineRun(filled(spec, runs[index].inputs, longest), runs[index].state)
                for index in indexes
            ]
            for index, outputs in zip(indexes, self._run_group(group), strict=True):
                own = {name: lengths[index][name] for name in filling}
                found[index] = cut(spec, outputs, own)
        return [found[index] for index in range(len(runs))]

    def _groups(self, runs: Sequence[EngineRun], lengths: Sequence[Lengths]) -> list[list[int]]:
        """Return the indexes of the runs that are one run of the engine."""
        name = row_dimension(self._engine.spec)
        most = self._engine.spec.ranges[name].maximum
        groups: dict[tuple[tuple[str, int], ...], list[list[int]]] = {}
        for index, run in enumerate(runs):
            alike = dict(lengths[index])
            if self._padding is not None:
                alike = self._padding.rounded(alike, run.inputs, run.state)
            rows = alike.pop(name)
            same = groups.setdefault(tuple(sorted(alike.items())), [[]])
            if rows + sum(lengths[each][name] for each in same[-1]) > most:
                same.append([])
            same[-1].append(index)
        return [group for same in groups.values() for group in same]

    def _row(self, run: EngineRun) -> int:
        row = None if run.state is None else self._caches.row(run.state)
        return -1 if row is None else row

    def _run_group(self, runs: Sequence[EngineRun]) -> list[dict[str, Tensor]]:
        """Run several of the same dimensions, in order of their rows."""
        spec = self._engine.spec
        rows = [self._row(run) for run in runs]
        beside = all(after - before == 1 for before, after in pairwise(rows)) and rows[0] >= 0
        inputs = {
            each.name: self._input(each, runs, rows if beside else None) for each in spec.inputs
        }
        if beside:
            outputs = self._engine.run(inputs, self._caches.part(rows[0], rows[-1] + 1))
        else:
            outputs = self._run_copied(inputs, [run.state for run in runs if run.state])
        return [_part(spec, outputs, each) for each in _slices(spec, runs)]

    def _input(
        self, spec: TensorSpec, runs: Sequence[EngineRun], rows: Sequence[int] | None
    ) -> Tensor:
        """Return an input of all `runs`; one without rows depends on other dimensions alone."""
        tensors = [run.inputs[spec.name] for run in runs]
        if spec.shape[0] != row_dimension(self._engine.spec):
            return tensors[0]
        if rows is None or tensors[0].numel() < MIN_KEPT:
            return torch.cat(tensors)
        return self._kept.put(spec.name, rows, tensors)

    def _run_copied(
        self, inputs: Mapping[str, Tensor], states: Sequence[EngineState]
    ) -> dict[str, Tensor]:
        """Run with copies of the caches of `states`, and write them back."""
        if not states:
            return self._engine.run(inputs)
        names = states[0].buffers
        joined = EngineState({n: torch.cat([each.buffers[n] for each in states]) for n in names})
        outputs = self._engine.run(inputs, joined)
        for name, buffer in joined.buffers.items():
            first = 0
            for each in states:
                own = each.buffers[name]
                own.copy_(buffer[first : first + len(own)])
                first += len(own)
        return outputs


class CacheRows:
    """Caches for up to `count` streams as rows of one, made when the first is asked for."""

    def __init__(self, engine: Engine, count: int) -> None:
        self._engine = engine
        self._free = list(range(count))
        self._count = count
        self._whole: EngineState | None = None
        self._rows: weakref.WeakKeyDictionary[EngineState, int] = weakref.WeakKeyDictionary()
        self._parts: dict[tuple[int, int], EngineState] = {}

    def new_state(self) -> EngineState:
        """Return zeroed caches of one stream: a row, which is free again once nobody has it.

        If none is free, they are caches by themselves.
        """
        with torch.inference_mode(False):  # others may write into them in either mode
            if not self._free:
                return self._engine.new_state(batch=1)
            row = min(self._free)
            self._free.remove(row)
            self._whole = self._whole or self._engine.new_state(batch=self._count)
            buffers = {name: each[row : row + 1] for name, each in self._whole.buffers.items()}
        for buffer in buffers.values():
            buffer.zero_()
        state = EngineState(buffers)
        self._rows[state] = row
        weakref.finalize(state, self._free.append, row)
        return state

    def row(self, state: EngineState) -> int | None:
        """Return which row `state` is, None if it is none."""
        return self._rows.get(state)

    def part(self, first: int, end: int) -> EngineState:
        """Return the rows from `first` to `end` as one state."""
        assert self._whole is not None
        found = self._parts.get((first, end))
        if found is None:
            buffers = {name: each[first:end] for name, each in self._whole.buffers.items()}
            found = self._parts[first, end] = EngineState(buffers)
        return found


@dataclass(slots=True, eq=False)
class KeptInputs:
    """Large inputs of `count` rows, which are copied there when they change."""

    count: int
    buffers: dict[str, Tensor] = field(default_factory=dict)
    held: dict[tuple[str, int], weakref.ref[Tensor]] = field(default_factory=dict)

    def put(self, name: str, rows: Sequence[int], tensors: Sequence[Tensor]) -> Tensor:
        """Return `tensors`, which belong to successive `rows`, as one."""
        shape = (self.count, *tensors[0].shape[1:])
        buffer = self.buffers.get(name)
        if buffer is None or buffer.shape != shape:
            buffer = self.buffers[name] = tensors[0].new_empty(shape)
            for key in [key for key in self.held if key[0] == name]:
                del self.held[key]
        for row, tensor in zip(rows, tensors, strict=True):
            held = self.held.get((name, row))
            if held is None or held() is not tensor:
                buffer[row : row + 1] = tensor
                self.held[name, row] = weakref.ref(tensor)
        return buffer[rows[0] : rows[-1] + 1]


def _slices(spec: EngineSpec, runs: Sequence[EngineRun]) -> list[slice]:
    first, found, name = 0, [], spec.inputs[0].name
    for run in runs:
        last = first + len(run.inputs[name])
        found.append(slice(first, last))
        first = last
    return found


def _part(spec: EngineSpec, outputs: Mapping[str, Tensor], rows: slice) -> dict[str, Tensor]:
    name = row_dimension(spec)
    return {
        each.name: outputs[each.name][rows] if each.shape[0] == name else outputs[each.name]
        for each in spec.outputs
    }

from collections.abc import Mapping

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor

from models.engine import EngineState, TorchEngine
from models.errors import EngineError
from models.gathered import EngineRun, KeptInputs, SharedRows
from models.padding import Padding
from tests.trt_engines.tiny_network import SLOTS, WIDTH, TinyAttention

ROUNDING = 1e-5  # products of one row and of several are added in another order
PADDING = Padding(dimensions=("count",), cached="count", start="start")
ROWS = 3
Round = list[tuple[int, int]]  # streams that run together, each with its number of tokens


class CountingEngine(TorchEngine):
    """Notes the rows of each run, and fails at runs of `failing` tokens."""

    def __init__(self, *, failing: int = 0) -> None:
        super().__init__(TinyAttention())
        self.rows: list[int] = []
        self._failing = failing

    def run(
        self, inputs: Mapping[str, Tensor], state: EngineState | None = None
    ) -> dict[str, Tensor]:
        self.rows.append(len(inputs["x"]))
        if inputs["x"].shape[1] == self._failing:
            raise EngineError("no")
        return super().run(inputs, state)


class Stream:
    """Reads tokens, one after the other."""

    def __init__(self, state: EngineState, seed: int) -> None:
        self.state, self.count = state, 0
        self._rng = torch.Generator().manual_seed(seed)

    def next(self, count: int) -> EngineRun:
        """Return the run of the next `count` tokens."""
        mask = torch.zeros(1, 1, count, SLOTS, dtype=torch.bool)
        mask[..., : self.count + count] = True
        x = torch.randn(1, count, WIDTH, generator=self._rng)
        given = {"x": x, "start": torch.tensor([self.count]), "mask": mask}
        self.count += count
        return EngineRun(given, self.state)


@pytest.mark.slow
@hypothesis_settings(max_examples=40)
@given(
    rounds=st.lists(
        st.lists(
            st.tuples(st.integers(0, 5), st.integers(1, 5)),
            max_size=6,
            unique_by=lambda one: one[0],
        ),
        max_size=6,
    ),
    ends=st.sets(st.integers(0, 5)),
    padding=st.sampled_from([None, PADDING]),
)
def test_whoever_runs_together_each_gets_what_it_gets_alone(
    rounds: list[Round], ends: set[int], padding: Padding | None
) -> None:
    """More streams than there are rows; after some rounds the first of them ends."""
    engine = TorchEngine(TinyAttention())
    rows = SharedRows(engine, ROWS, padding)
    streams: dict[int, tuple[Stream, Stream]] = {}
    for number, wanted in enumerate(rounds):
        for name, _ in wanted:
            if name not in streams:
                alone = Stream(engine.new_state(batch=1), number)
                streams[name] = Stream(rows.new_state(), number), alone
        made = rows.run([streams[name][0].next(count) for name, count in wanted])
        for (name, count), outputs in zip(wanted, made, strict=True):
            run = streams[name][1].next(count)
            expected = engine.run(run.inputs, run.state)["y"]
            torch.testing.assert_close(outputs["y"], expected, atol=ROUNDING, rtol=0)
        if wanted and number in ends:
            del streams[wanted[0][0]]


def test_runs_of_the_same_dimensions_are_one_as_far_as_rows_are_taken() -> None:
    engine = CountingEngine()
    rows = SharedRows(engine, 16)
    streams = [Stream(rows.new_state(), n) for n in range(10)]
    rows.run([*(each.next(1) for each in streams[:9]), streams[9].next(2)])
    assert engine.rows == [8, 1, 1]  # the engine takes eight rows


def test_runs_of_about_the_same_length_are_one_if_the_cache_has_room_for_the_filling() -> None:
    engine = CountingEngine()
    rows = SharedRows(engine, 16, PADDING)
    streams = [Stream(rows.new_state(), n) for n in range(5)]
    rows.run([each.next(count) for each, count in zip(streams, (1, 3, 4, 3, 1), strict=True)])
    assert engine.rows == [2, 3]
    full = Stream(rows.new_state(), 5)
    rows.run([full.next(16)])
    rows.run([full.next(13)])
    engine.rows.clear()
    rows.run([full.next(3), streams[1].next(3)])  # 32 slots, and four would be written from 29 on
    assert engine.rows == [1, 1]


def test_if_a_run_fails_the_others_can_be_run_again() -> None:
    rows = SharedRows(CountingEngine(failing=2), ROWS)
    streams = [Stream(rows.new_state(), 0), Stream(rows.new_state(), 1)]
    runs = [streams[0].next(1), streams[1].next(2)]
    with pytest.raises(EngineError):
        rows.run(runs)
    (again,) = rows.run(runs[:1])
    alone = Stream(CountingEngine().new_state(batch=1), 0).next(1)
    torch.testing.assert_close(again["y"], CountingEngine().run(alone.inputs, alone.state)["y"])


def test_streams_side_by_side_share_a_cache_and_one_that_ends_leaves_its_row() -> None:
    rows = SharedRows(TorchEngine(TinyAttention()), 2)
    states = [rows.new_state() for _ in range(3)]
    first, second, third = (each.buffers["keys"] for each in states)
    assert first.untyped_storage().data_ptr() == second.untyped_storage().data_ptr()
    assert third.untyped_storage().data_ptr() != first.untyped_storage().data_ptr()
    second.fill_(1.0)
    del states[1]
    again = rows.new_state().buffers["keys"]
    assert again.data_ptr() == second.data_ptr()
    assert not again.any(), "it begins with zeros"


def test_an_input_is_copied_when_it_changes() -> None:
    kept = KeptInputs(4)
    first, second = torch.ones(1, 3), torch.full((1, 3), 2.0)
    together = kept.put("sound", [1, 2], [first, second])
    assert together.tolist() == [[1.0] * 3, [2.0] * 3]
    together.zero_()
    assert not kept.put("sound", [1, 2], [first, second]).any(), "neither is another one"
    other = torch.full((1, 3), 5.0)
    assert kept.put("sound", [1, 2], [other, second]).tolist() == [[5.0] * 3, [0.0] * 3]
    longer = torch.ones(1, 4)
    assert kept.put("sound", [2, 3], [longer, longer]).tolist() == [[1.0] * 4] * 2

"""A model of numbers that can be worked out by hand, one at a time or several at once."""

from collections.abc import Sequence


class RunningSum:
    """Each output is the sum of a stream so far; a negative number is refused."""

    def init_state(self) -> int:
        return 0

    def step(self, state: int, chunk: int) -> tuple[int, Sequence[int]]:
        if chunk < 0:
            raise ValueError(f"{chunk} is negative")
        return state + chunk, [state + chunk]


class BatchedSum(RunningSum):
    """Steps up to three streams at once; `batches` are the chunks of each call."""

    max_batch = 3

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def step_many(
        self, states: Sequence[int], chunks: Sequence[int]
    ) -> list[tuple[int, Sequence[int]]]:
        self.batches.append(list(chunks))
        if min(chunks) < 0:
            raise ValueError("a number is negative")
        return [
            (state + chunk, [state + chunk]) for state, chunk in zip(states, chunks, strict=True)
        ]

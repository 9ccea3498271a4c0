"""Positions of the tokens of a video: linear, as text, or on a grid with a time axis.

Positions depend on the order of blocks in the sequence that is read, not on the time at which
they were seen, so blocks from anywhere in the stream can follow each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class VideoPositions(Protocol):
    """Positions of the blocks of a video after `opening` tokens of text."""

    def block_positions(
        self, opening: int, tokens: int, blocks: int, lengths: Sequence[int]
    ) -> Tensor:
        """Return the positions of blocks of `lengths` after `tokens` tokens and `blocks` blocks.

        They are int64, (count,) or (axes, count).
        """
        ...

    def text_position(self, opening: int, lengths: Sequence[int]) -> int:
        """Return the position of the first token of text after blocks of `lengths`."""
        ...

    def sink_distance(self, window: int) -> int:
        """Return the distance of the oldest of `window` tokens, at which the sinks are placed."""
        ...


@dataclass(frozen=True, slots=True)
class LinearPositions:
    """Each token is one position after the previous one."""

    def block_positions(
        self, opening: int, tokens: int, blocks: int, lengths: Sequence[int]
    ) -> Tensor:
        start = opening + tokens
        return torch.arange(start, start + sum(lengths))

    def text_position(self, opening: int, lengths: Sequence[int]) -> int:
        return opening + sum(lengths)

    def sink_distance(self, window: int) -> int:
        return window - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GridPositions:
    """Three axes: blocks are `step` apart in time, and have `rows` by `columns` tokens.

    Text has the same position on all axes, and continues after the largest of the video. Time
    positions are rounded down. `step` is positions a second times the seconds between blocks.

    Source: Qwen2-VL, Wang et al. 2024, section 2.1; Qwen2.5-VL, Bai et al. 2025, for `step`.
    """

    rows: int
    columns: int
    step: float

    def block_positions(
        self, opening: int, tokens: int, blocks: int, lengths: Sequence[int]
    ) -> Tensor:
        """Return int64 (3, count): time, row and column.

        Raises:
            ValueError: a block is not of `rows` by `columns` tokens.
        """
        cells = self.rows * self.columns
        if any(length != cells for length in lengths):
            raise ValueError(
                f"expected {self.rows} x {self.columns} tokens in each block, got {lengths}"
            )
        time = (self.step * torch.arange(blocks, blocks + len(lengths))).long()
        return opening + torch.stack(
            [
                time.repeat_interleave(cells),
                torch.arange(self.rows).repeat_interleave(self.columns).repeat(len(lengths)),
                torch.arange(self.columns).repeat(self.rows * len(lengths)),
            ]
        )

    def text_position(self, opening: int, lengths: Sequence[int]) -> int:
        if not lengths:
            return opening
        late = int(self.step * (len(lengths) - 1))
        return opening + 1 + max(late, self.rows - 1, self.columns - 1)

    def sink_distance(self, window: int) -> int:
        return int(self.step * (window // (self.rows * self.columns)))

"""Positions of the tokens of a video: linear, as text, or on grids.

A grid has a time axis, or each frame has a grid of its own, with text before and after it.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledGridPositions:
    """Three axes: a block is text, a grid of `rows` by `columns` tokens, and `after` text tokens.

    Text has the same position on all axes. A grid starts right after the text before it, where it
    stays on the time axis, and text continues after its rows and columns. The text before a grid is
    what the length of a block leaves, about `before` tokens.

    Source: Qwen3-VL, Bai et al. 2025, section 2: times as text.
    """

    rows: int
    columns: int
    before: int
    after: int

    @property
    def cells(self) -> int:
        return self.rows * self.columns

    @property
    def side(self) -> int:
        """The positions that a grid takes."""
        return max(self.rows, self.columns)

    def block_positions(
        self, opening: int, tokens: int, blocks: int, lengths: Sequence[int]
    ) -> Tensor:
        """Return int64 (3, count): time, row and column.

        Raises:
            ValueError: a block is shorter than its grid and the text after it.
        """
        start = opening + tokens - blocks * (self.cells - self.side)
        parts = [torch.empty(3, 0, dtype=torch.int64)]
        grid = torch.stack(
            [
                torch.zeros(self.cells, dtype=torch.int64),
                torch.arange(self.rows).repeat_interleave(self.columns),
                torch.arange(self.columns).repeat(self.rows),
            ]
        )
        for length in lengths:
            before = length - self.cells - self.after
            if before < 0:
                least = self.cells + self.after
                raise ValueError(f"expected at least {least} tokens in each block, got {length}")
            text = torch.arange(before).expand(3, -1)
            late = before + self.side + torch.arange(self.after).expand(3, -1)
            parts.append(start + torch.cat([text, before + grid, late], 1))
            start += before + self.side + self.after
        return torch.cat(parts, 1)

    def text_position(self, opening: int, lengths: Sequence[int]) -> int:
        return opening + sum(lengths) - len(lengths) * (self.cells - self.side)

    def sink_distance(self, window: int) -> int:
        text = self.before + self.after
        blocks, rest = divmod(window, self.cells + text)
        return blocks * (self.side + text) + min(rest, self.side + text)

"""Streaming resampler for mono float32 samples.

A resampled stream has no delay and does not drift: the position of every output sample is a
ratio of integers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Samples = NDArray[np.float32]

MIN_RATE_HZ = 4_000
MAX_RATE_HZ = 192_000
ZERO_CROSSINGS = 24  # of the sinc on each side of its center, at the lower of the two rates
PASSBAND = 0.92  # of the lower Nyquist frequency; the transition ends near it
KAISER_BETA = 9.0  # side lobes below -90 dB, Kaiser and Schafer 1980
BLOCK_ROWS = 4_096  # outputs computed at once: bounds the memory for a long chunk


@dataclass(frozen=True, slots=True, eq=False)
class ResamplerState:
    """`tail` is the input from index `offset` that later outputs still need, float32 (n,).

    `produced` counts the outputs so far. Indexes below 0 are silence before the stream.
    """

    tail: Samples
    offset: int
    produced: int


@dataclass(frozen=True, slots=True)
class Resampler:
    """Changes the sample rate of a stream: Streaming[ResamplerState, Samples, Samples].

    Output n lies at input position n * rate_in / rate_out, so there is no delay. A stream of m
    samples gives exactly ceil(m * rate_out / rate_in) outputs.

    Source: band-limited interpolation with a Kaiser-windowed sinc, Smith 1984, "A flexible
    sampling-rate conversion method".

    Raises:
        ValueError: a rate is outside 4 to 192 kHz.
    """

    rate_in: int
    rate_out: int

    def __post_init__(self) -> None:
        for rate in (self.rate_in, self.rate_out):
            if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
                raise ValueError(
                    f"expected a sample rate of {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, got {rate}"
                )

    def init_state(self) -> ResamplerState:
        margin = filter_bank(self.rate_in, self.rate_out).shape[1] // 2 - 1
        return ResamplerState(np.zeros(margin, np.float32), -margin, 0)

    def step(self, state: ResamplerState, chunk: Samples) -> tuple[ResamplerState, list[Samples]]:
        """Take samples (n,) at `rate_in`; return the samples at `rate_out` that are now final.

        Raises:
            ValueError: `chunk` is not 1-D.
        """
        if chunk.ndim != 1:
            raise ValueError(f"expected samples of shape (n,), got {chunk.shape}")
        if self.rate_in == self.rate_out:
            return state, [chunk.astype(np.float32, copy=False)] if len(chunk) else []
        ratio = Fraction(self.rate_out, self.rate_in)
        half = filter_bank(self.rate_in, self.rate_out).shape[1] // 2
        inputs = np.concatenate([state.tail, chunk.astype(np.float32, copy=False)])
        end = state.offset + len(inputs)
        until = max(state.produced, _ceil((end - half) * ratio))
        outputs = self._outputs(inputs, state.offset, state.produced, until)
        first = int(until / ratio) - half + 1  # oldest input that output `until` needs
        tail = inputs[first - state.offset :].copy()
        return ResamplerState(tail, first, until), [outputs] if len(outputs) else []

    def flush(self, state: ResamplerState) -> Sequence[Samples]:
        """Return the remaining outputs, as if silence followed."""
        if self.rate_in == self.rate_out:
            return []
        half = filter_bank(self.rate_in, self.rate_out).shape[1] // 2
        end = state.offset + len(state.tail)
        inputs = np.concatenate([state.tail, np.zeros(half, np.float32)])
        until = _ceil(end * Fraction(self.rate_out, self.rate_in))
        outputs = self._outputs(inputs, state.offset, state.produced, until)
        return [outputs] if len(outputs) else []

    def _outputs(self, inputs: Samples, offset: int, start: int, until: int) -> Samples:
        """Return outputs `start` to `until`; `inputs` begins at input index `offset`."""
        bank = filter_bank(self.rate_in, self.rate_out)
        up, taps = bank.shape
        down = Fraction(self.rate_in * up, self.rate_out).numerator
        outputs = np.empty(until - start, np.float32)
        if not len(outputs):
            return outputs
        windows = sliding_window_view(inputs, taps)
        for block in range(start, until, BLOCK_ROWS):
            n = np.arange(block, min(until, block + BLOCK_ROWS), dtype=np.int64)
            base, phase = np.divmod(n * down, up)
            rows = windows[base - (taps // 2 - 1) - offset]  # (rows, taps)
            outputs[block - start : block - start + len(n)] = np.einsum(
                "nt,nt->n", rows, bank[phase]
            )
        return outputs


@lru_cache(maxsize=16)
def filter_bank(rate_in: int, rate_out: int) -> NDArray[np.float32]:
    """Return the interpolation filters, one row for each phase: float32 (phases, taps).

    Row p holds the weights for a point p / phases after the middle input. Each row sums to 1,
    so a constant signal keeps its value.
    """
    ratio = Fraction(rate_out, rate_in)
    cutoff = PASSBAND * min(1.0, float(ratio))  # of the input's Nyquist frequency
    half = _ceil(ZERO_CROSSINGS / min(Fraction(1), ratio))
    phase = np.arange(ratio.numerator)[:, None] / ratio.numerator  # (phases, 1)
    position = np.arange(-half + 1, half + 1)[None, :] - phase  # (phases, taps)
    window = np.i0(KAISER_BETA * np.sqrt(np.clip(1 - (position / half) ** 2, 0, 1)))
    bank = np.sinc(cutoff * position) * window
    bank /= bank.sum(axis=1, keepdims=True)
    return bank.astype(np.float32)


def _ceil(value: Fraction) -> int:
    """Round up, exactly."""
    return -(-value.numerator // value.denominator)

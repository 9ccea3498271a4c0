"""What the samplers share: a transformer at one size, its context, and cached prompts."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from models.generation.context import Context, Reach, append_chunk, copy_context, empty_context
from models.generation.control import ChunkControl, track_maps
from models.generation.dit import Dit, KeysValues, TextKeysValues
from models.generation.prompt_encoder import EncodedPrompt
from models.generation.schedules import seeded_noise


@dataclass(frozen=True, slots=True, eq=False)
class CachedPrompt:
    """A prompt with its keys and values for cross-attention."""

    prompt: EncodedPrompt
    text: TextKeysValues


@dataclass(frozen=True, slots=True, eq=False)
class ControlTensors:
    """The control of a chunk as the model's tensors.

    `condition` and `start` are (1, channels, latents, height, width); above noise level `strength`
    the result is `start`.
    """

    condition: Tensor
    start: Tensor
    strength: float


@dataclass(frozen=True, slots=True, eq=False)
class Backbone:
    """A transformer for latents of `height` x `width`, `chunk` of them at a time."""

    model: Dit
    height: int
    width: int
    reach: Reach
    chunk: int = 1

    def __post_init__(self) -> None:
        patch, reach = self.model.config.patch, self.reach
        if self.height % patch or self.width % patch:
            raise ValueError(f"expected sides in multiples of {patch}: {self.height}x{self.width}")
        if self.chunk < 1 or reach.sink % self.chunk or reach.window % self.chunk:
            raise ValueError(f"expected a sink and window of whole chunks of {self.chunk}: {reach}")
        if reach.span is not None and reach.span < reach.sink + self.chunk:
            raise ValueError(f"expected a span of at least the sink and a chunk: {reach}")

    @property
    def device(self) -> torch.device:
        """The device of the model and its latents."""
        return self.model.head.head.weight.device

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, self.model.config.channels, self.chunk, self.height, self.width)

    def cache_prompt(self, prompt: EncodedPrompt, cached: CachedPrompt | None) -> CachedPrompt:
        """Return `prompt` with its keys and values; reuse `cached` if it is the same prompt."""
        if cached is not None and cached.prompt.equals(prompt):
            return cached
        with torch.no_grad():
            features, bias = (part[None].to(self.device) for part in (prompt.features, prompt.bias))
            text = self.model.project_text(features, bias)
        return CachedPrompt(prompt, text)

    def update_prompt(
        self, prompt: EncodedPrompt, context: Context, cached: CachedPrompt | None
    ) -> tuple[Context, CachedPrompt]:
        """Return the context and the cached prompt, both recomputed if `prompt` is another."""
        current = self.cache_prompt(prompt, cached)
        if cached is None or current is cached:
            return context, current
        return self.recache(context, current.text), current

    def prepare_control(self, control: ChunkControl) -> ControlTensors:
        """Return `control` as the model's tensors.

        Raises:
            ValueError: its track or start does not have the shape of a chunk.
        """
        shape = self.shape
        start = torch.zeros(shape) if control.start is None else control.start[None]
        if start.shape != shape:
            raise ValueError(f"expected a start of {shape[1:]}, got {tuple(start.shape[1:])}")
        start = start.to(self.device)
        strength = 1.0 if control.start is None else control.strength
        if not 0 <= strength <= 1:
            raise ValueError(f"expected a strength in [0, 1], got {strength}")
        return ControlTensors(self.condition(control.track), start, strength)

    def condition(self, track: Tensor | None) -> Tensor:
        """Return the track maps of a chunk; they have no channels if the model takes no tracks.

        Raises:
            ValueError: the model takes no tracks, or the track has the wrong shape.
        """
        if not self.model.config.condition and track is not None:
            raise ValueError("expected no track: this model follows none, only words")
        if not self.model.config.condition:
            return torch.zeros(1, 0, self.chunk, self.height, self.width, device=self.device)
        return track_maps(track, self.chunk, self.height, self.width)[None].to(self.device)

    def noise(self, seed: int, index: int, step: int) -> Tensor:
        """Return the noise of chunk `index` at `step`: the same on every device."""
        return seeded_noise(seed, index, step, self.shape).to(self.device)

    def denoise(
        self,
        noisy: Tensor,
        levels: Tensor,
        text: TextKeysValues,
        condition: Tensor,
        past: KeysValues | None = None,
    ) -> tuple[Tensor, KeysValues]:
        """Return the clean latents, with their keys and values."""
        with torch.no_grad():
            return cast(
                "tuple[Tensor, KeysValues]",
                self.model(
                    noisy, levels[None].to(self.device), text, condition=condition, past=past
                ),
            )

    def empty_context(self) -> Context:
        return empty_context(
            self.model.config,
            self.reach,
            self.height,
            self.width,
            device=self.device,
            dtype=self.model.dtype,
        )

    def commit(
        self, context: Context, clean: Tensor, condition: Tensor, text: TextKeysValues
    ) -> Context:
        """Return `context` with a clean chunk, read at noise level 0; `context` becomes invalid."""
        if not self.reach.latents:
            return context
        levels = torch.zeros(clean.shape[2])
        _, seen = self.denoise(clean, levels, text, condition, context.past())
        return append_chunk(context, clean, condition, seen)

    def recache(self, context: Context, text: TextKeysValues) -> Context:
        """Return a context with its window reread for a new text; the sink stays as it is.

        `context` stays valid: if this raises, the caller can continue with it.

        Source: LongLive, Yang et al. 2025, "KV-recache".
        """
        sink = self.reach.sink
        fresh = _truncate(copy_context(context), min(sink, context.length))
        for index in range(sink, context.length, self.chunk):
            latents = context.latents[:, :, index : index + self.chunk]
            condition = context.condition[:, :, index : index + self.chunk]
            fresh = self.commit(fresh, latents, condition, text)
        return fresh


def _truncate(context: Context, length: int) -> Context:
    """Return `context` with its first `length` latents only."""
    return Context(
        context.reach, context.keys, context.values, context.latents, context.condition, length
    )


def follow_start(clean: Tensor, control: ControlTensors, level: float) -> Tensor:
    """Return `clean`, or the start of the control while `level` is above its strength."""
    return control.start if level > control.strength else clean

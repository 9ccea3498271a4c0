"""What the samplers share: a model at one picture size, its reach, and prompts as it read them."""

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
    """A prompt, and what cross-attention made of it."""

    prompt: EncodedPrompt
    text: TextKeysValues


@dataclass(frozen=True, slots=True, eq=False)
class ControlTensors:
    """Control of latents in the making, as the model takes it.

    `condition` and `start` are (1, channels, latents, height, width); `start` is followed above
    noise level `strength`.
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
        """Where the model is; latents come from there."""
        return self.model.head.head.weight.device

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a chunk."""
        return (1, self.model.config.channels, self.chunk, self.height, self.width)

    def cache_prompt(self, prompt: EncodedPrompt, cached: CachedPrompt | None) -> CachedPrompt:
        """Return `prompt` as read by the model; what was `heard` before is not read again."""
        if cached is not None and cached.prompt.equals(prompt):
            return cached
        with torch.no_grad():
            features, bias = (part[None].to(self.device) for part in (prompt.features, prompt.bias))
            text = self.model.project_text(features, bias)
        return CachedPrompt(prompt, text)

    def update_prompt(
        self, prompt: EncodedPrompt, context: Context, cached: CachedPrompt | None
    ) -> tuple[Context, CachedPrompt]:
        """Return the context and the prompt, both read anew if `prompt` says something else."""
        current = self.cache_prompt(prompt, cached)
        if cached is None or current is cached:
            return context, current
        return self.recache(context, current.text), current

    def prepare_control(self, control: ChunkControl) -> ControlTensors:
        """Return `control` as the model takes it.

        Raises:
            ValueError: its track or its start has another shape than a chunk.
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
        """Return the track maps of a chunk, with no channels for a model without tracks.

        Raises:
            ValueError: the model follows no tracks, or the track has another shape.
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
        """Return the clean latents, and the keys and values that they were seen with."""
        with torch.no_grad():
            return cast(
                "tuple[Tensor, KeysValues]",
                self.model(
                    noisy, levels[None].to(self.device), text, condition=condition, past=past
                ),
            )

    def empty_context(self) -> Context:
        """Return an empty context."""
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
        """Return `context` with a clean chunk, read at noise level 0; the old one is spent."""
        if not self.reach.latents:
            return context
        levels = torch.zeros(clean.shape[2])
        _, seen = self.denoise(clean, levels, text, condition, context.past())
        return append_chunk(context, clean, condition, seen)

    def recache(self, context: Context, text: TextKeysValues) -> Context:
        """Return a context whose window was read with a new text; its sink stays as it is.

        The old context stays valid: whoever is interrupted here can go on with it.

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
    """Return what the model made of a chunk at `level`, or what it follows down to there."""
    return control.start if level > control.strength else clean

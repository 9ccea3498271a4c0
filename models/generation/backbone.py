"""What the samplers share: a transformer at one size, its context, and cached prompts.

What needs the transformer is a step of `models.generation.calls`.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.engine import load_in_torch
from models.generation.calls import Calls, EngineCall
from models.generation.context import Context, Reach, append_chunk, copy_context, empty_context
from models.generation.control import ChunkControl, track_maps
from models.generation.denoising_networks import HIDDEN, DitEngines, DitSize, load_dit_engines
from models.generation.dit import Dit, DitConfig, KeysValues, TextKeysValues
from models.generation.looks import ChunkLooks, look_maps
from models.generation.prompt_encoder import EncodedPrompt
from models.generation.schedules import seeded_noise

PADDING = {"words": {"text_bias": -torch.inf}}  # of prompts that share a call


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
class SeenLatents:
    """What a call sees of the past: keys and values in slots, and the place of each slot.

    `places` is int64 (1, slots): positions from the oldest in view, or `HIDDEN`.
    """

    seen: KeysValues
    places: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Backbone:
    """A transformer for latents of one size; `reach` is at most that of its engines."""

    engines: DitEngines
    reach: Reach

    def __post_init__(self) -> None:
        patch, reach, chunk = self.config.patch, self.reach, self.chunk
        height, width = self.engines.size.height, self.engines.size.width
        if height % patch or width % patch:
            raise ValueError(f"expected sides in multiples of {patch}: {height}x{width}")
        if chunk < 1 or reach.sink % chunk or reach.window % chunk:
            raise ValueError(f"expected a sink and window of whole chunks of {chunk}: {reach}")
        if reach.span is not None and reach.span < reach.sink + chunk:
            raise ValueError(f"expected a span of at least the sink and a chunk: {reach}")

    @property
    def config(self) -> DitConfig:
        return self.engines.config

    @property
    def chunk(self) -> int:
        """Latents that are generated at a time."""
        return self.engines.size.chunk

    @property
    def device(self) -> torch.device:
        """The device of the latents."""
        return self.engines.device

    @property
    def shape(self) -> tuple[int, ...]:
        size = self.engines.size
        return (1, self.config.channels, self.chunk, size.height, size.width)

    def cache_prompt(
        self, prompt: EncodedPrompt, cached: CachedPrompt | None
    ) -> Calls[CachedPrompt]:
        """Return `prompt` with its keys and values; reuse `cached` if it is the same prompt."""
        if cached is not None and cached.prompt.equals(prompt):
            return cached
        features, bias = (part[None].to(self.device) for part in (prompt.features, prompt.bias))
        padding = {"words": {"features": 0.0}}
        made = yield EngineCall(self.engines.text, {"features": features.float()}, padding)
        words = features.shape[1]
        keys, values = (made[name][..., :words, :].contiguous() for name in ("keys", "values"))
        bias = bias[:, None, None].to(self.engines.dtype)
        return CachedPrompt(prompt, TextKeysValues(keys, values, bias))

    def update_prompt(
        self, prompt: EncodedPrompt, context: Context, cached: CachedPrompt | None
    ) -> Calls[tuple[Context, CachedPrompt]]:
        """Return the context and the cached prompt, both recomputed if `prompt` is another."""
        current = yield from self.cache_prompt(prompt, cached)
        if cached is None or current is cached:
            return context, current
        context = yield from self.recache(context, current.text)
        return context, current

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
        return ControlTensors(self.condition(control.track, control.looks), start, strength)

    def condition(self, track: Tensor | None, looks: ChunkLooks | None = None) -> Tensor:
        """Return the track maps of a chunk, and its look maps if the model takes looks.

        They have no channels if the model takes no tracks.

        Raises:
            ValueError: the model takes no tracks, or the track has the wrong shape.
        """
        _, _, chunk, height, width = self.shape
        if not self.config.condition and track is not None:
            raise ValueError("expected no track: this model follows none, only words")
        if not self.config.condition:
            return torch.zeros(1, 0, chunk, height, width, device=self.device)
        maps = track_maps(track, chunk, height, width)
        if self.config.takes_looks:
            maps = torch.cat([maps, look_maps(looks, self.shape[1:]).to(maps.device)])
        return maps[None].to(self.device)

    def noise(self, seed: int, index: int, step: int) -> Tensor:
        """Return the noise of chunk `index` at `step`: the same on every device."""
        return seeded_noise(seed, index, step, self.shape).to(self.device)

    def denoise(
        self,
        noisy: Tensor,
        levels: Tensor,
        text: TextKeysValues,
        condition: Tensor,
        past: SeenLatents | None = None,
    ) -> Calls[tuple[Tensor, KeysValues]]:
        """Return the clean latents, with their keys and values; `levels` is (latents,)."""
        past = self._nothing() if past is None else past
        inputs = {
            "noisy": noisy,
            "levels": levels[None].to(self.device),
            "text_keys": text.keys,
            "text_values": text.values,
            "text_bias": text.bias[:, 0, 0],
            "past_keys": past.seen.keys,
            "past_values": past.seen.values,
            "places": past.places,
        }
        if self.config.condition:
            inputs["condition"] = condition
        made = yield EngineCall(self.engines.denoising, inputs, PADDING)
        return made["clean"], KeysValues(made["keys"], made["values"])

    def past(self, context: Context, count: int | None = None) -> SeenLatents:
        """Return what a call that makes `count` latents sees of `context`.

        None is a call that remembers a clean chunk.
        """
        seen = context.seen() if count is None else context.seen_by(count)
        places = torch.full((1, context.slots), HIDDEN)
        places[0, list(seen)] = torch.arange(len(seen))
        return SeenLatents(KeysValues(context.keys, context.values), places.to(self.device))

    def _nothing(self) -> SeenLatents:
        """Return a past of one hidden slot."""
        size, config = self.engines.size, self.config
        tokens = (size.height // config.patch) * (size.width // config.patch)
        shape = (config.layers, 1, config.heads, tokens, config.head_dim)
        zeros = torch.zeros(shape, device=self.device, dtype=self.engines.dtype)
        places = torch.full((1, 1), HIDDEN, device=self.device)
        return SeenLatents(KeysValues(zeros, zeros), places)

    def empty_context(self) -> Context:
        size = self.engines.size
        return empty_context(
            self.config,
            self.reach,
            size.height,
            size.width,
            chunk=self.chunk,
            device=self.device,
            dtype=self.engines.dtype,
        )

    def commit(
        self,
        context: Context,
        clean: Tensor,
        condition: Tensor,
        text: TextKeysValues,
        *,
        pinned: bool = False,
    ) -> Calls[Context]:
        """Return `context` with a clean chunk, read at noise level 0, see `append_chunk`."""
        if not self.reach.latents:
            return context
        levels = torch.zeros(clean.shape[2])
        _, made = yield from self.denoise(clean, levels, text, condition, self.past(context))
        return append_chunk(context, clean, condition, made, pinned=pinned)

    def recache(self, context: Context, text: TextKeysValues) -> Calls[Context]:
        """Return a context with its window reread for a new text; the sink stays as it is.

        It has buffers of its own, and nothing is pinned in it.

        Source: LongLive, Yang et al. 2025, "KV-recache".
        """
        sink = self.reach.sink
        fresh = replace(copy_context(context), order=context.order[:sink], pinned=())
        for first in range(sink, len(context.order), self.chunk):
            slots = list(context.order[first : first + self.chunk])
            latents, condition = (
                part[:, :, slots] for part in (context.latents, context.condition)
            )
            fresh = yield from self.commit(fresh, latents, condition, text)
        return fresh


def in_torch(model: Dit, height: int, width: int, reach: Reach, chunk: int = 1) -> Backbone:
    """Return the backbone of a transformer that PyTorch runs."""
    size = DitSize(height=height, width=width, reach=reach, chunk=chunk)
    engines = load_dit_engines(
        model.config,
        size,
        lambda: model,
        load_engine=load_in_torch,
        device=model.head.head.weight.device,
        dtype=model.dtype,
    )
    return Backbone(engines, reach)


def follow_start(clean: Tensor, control: ControlTensors, level: float) -> Tensor:
    """Return `clean`, or the start of the control while `level` is above its strength."""
    return control.start if level > control.strength else clean

"""The slow plain references: streams that keep clean latents only, and read all of them anew.

Nothing here is cached, shifted or reused: for each call the whole past is read again, chunk by
chunk, each chunk with the sink and the window that it saw, counted from the beginning.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from models.generation.backbone import Backbone
from models.generation.calls import run_alone
from models.generation.context import Context
from models.generation.control import ChunkControl, track_maps
from models.generation.dit import KeysValues, TextKeysValues
from models.generation.schedules import add_noise, seeded_noise
from tests.models.generation import tiny


def visible(chunk: int, sink: int, window: int) -> list[int]:
    """Return the chunks that `chunk` sees of its past, oldest first."""
    return [past for past in range(chunk) if past < sink or past >= max(sink, chunk - window)]


def past_of(
    backbone: Backbone, made: Sequence[Tensor], conditions: Sequence[Tensor], text: TextKeysValues
) -> KeysValues | None:
    """Return keys and values of what the next chunk sees, everything computed from the start."""
    sink, window = (
        length // backbone.chunk for length in (backbone.reach.sink, backbone.reach.window)
    )
    each: list[KeysValues] = []
    for number in range(len(made)):
        before = joined([each[past] for past in visible(number, sink, window)])
        _, seen = read(made[number], 0.0, conditions[number], text, before)
        each.append(seen)
    return joined([each[past] for past in visible(len(made), sink, window)])


def joined(parts: Sequence[KeysValues]) -> KeysValues | None:
    if not parts:
        return None
    return KeysValues(
        torch.cat([p.keys for p in parts], 3), torch.cat([p.values for p in parts], 3)
    )


def in_view(context: Context, order: Sequence[int] | None = None) -> KeysValues | None:
    """Return the keys and values of the slots in `order`, by default all in view."""
    slots = context.order if order is None else order
    parts = [slice(slot * context.tokens, (slot + 1) * context.tokens) for slot in slots]
    return joined(
        [KeysValues(context.keys[..., part, :], context.values[..., part, :]) for part in parts]
    )


def read(
    noisy: Tensor,
    level: float | Tensor,
    condition: Tensor,
    text: TextKeysValues,
    seen: KeysValues | None,
) -> tuple[Tensor, KeysValues]:
    levels = torch.as_tensor(level).expand(noisy.shape[2])[None]
    with torch.no_grad():
        clean, own = tiny.dit()(noisy, levels, text, condition=condition, past=seen)
    return clean, own


def condition_of(backbone: Backbone, control: ChunkControl) -> Tensor:
    return track_maps(control.track, backbone.chunk, tiny.SIZE, tiny.SIZE)[None]


def motion_stream(
    backbone: Backbone, levels: Sequence[float], seed: int, controls: Sequence[ChunkControl]
) -> list[Tensor]:
    """Return a whole stream of one prompt at once."""
    text = run_alone(backbone.cache_prompt(controls[0].prompt, None)).text
    conditions = [condition_of(backbone, control) for control in controls]
    made: list[Tensor] = []
    for number, condition in enumerate(conditions):
        past = past_of(backbone, made, conditions, text)
        clean = torch.zeros(backbone.shape)
        for step, level in enumerate(levels):
            noisy = add_noise(clean, level, seeded_noise(seed, number, step, backbone.shape))
            clean, _ = read(noisy, level, condition, text, past)
        made.append(clean)
    return [chunk[0] for chunk in made]


def rolling_forcing(
    backbone: Backbone, levels: Sequence[float], seed: int, controls: Sequence[ChunkControl]
) -> list[Tensor]:
    """Return a whole stream of one prompt: call `n` works on chunks `n - T + 1` to `n`."""
    text = run_alone(backbone.cache_prompt(controls[0].prompt, None)).text
    conditions = [condition_of(backbone, control) for control in controls]
    count, depth = len(controls), len(levels)
    latest: dict[int, Tensor] = {}
    made: list[Tensor] = []
    for call in range(count + depth - 1):
        window = range(max(0, call - depth + 1), min(count, call + 1))
        ages = [call - chunk for chunk in window]
        noisy = [
            add_noise(
                latest.get(chunk, torch.zeros(backbone.shape)),
                levels[age],
                seeded_noise(seed, chunk, age, backbone.shape),
            )
            for chunk, age in zip(window, ages, strict=True)
        ]
        every = torch.tensor([levels[age] for age in ages]).repeat_interleave(backbone.chunk)
        past = past_of(backbone, made, conditions, text)
        joint = torch.cat([conditions[chunk] for chunk in window], 2)
        clean, _ = read(torch.cat(noisy, 2), every, joint, text, past)
        latest.update(zip(window, torch.split(clean, backbone.chunk, 2), strict=True))
        if ages[0] == depth - 1:
            made.append(latest[window[0]])
    return [chunk[0] for chunk in made]

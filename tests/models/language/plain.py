"""The slow plain reference: every formula written out again, one query at a time, in float64.

Nothing here is shared with the code under test but the weights themselves.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.language.decoder import Decoder

Rows = list[Tensor]
Place = float | Sequence[float]


def turn(row: Tensor, position: Place, theta: float) -> Tensor:
    """Rotate one head's vector by complex multiplication; its halves are the two parts.

    `position` is one for all frequencies, or one for each.
    """
    half = len(row) // 2
    out = row.clone()
    places = [position] * half if isinstance(position, int | float) else position
    for i, place in enumerate(places):
        angle = place * theta ** (-2 * i / len(row))
        spun = complex(row[i], row[i + half]) * complex(math.cos(angle), math.sin(angle))
        out[i], out[i + half] = spun.real, spun.imag
    return out


def _norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    return torch.stack([row / math.sqrt(float((row * row).mean()) + epsilon) * weight for row in x])


def _soft(scores: list[float]) -> list[float]:
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    return [power / sum(powers) for power in powers]


def read(
    model: Decoder,
    x: Tensor,
    *,
    window: int | None = None,
    sinks: int = 0,
    places: Sequence[Place] = (),
    far: float | None = None,
    spans: Sequence[Sequence[int]] = (),
) -> tuple[Tensor, Rows, Rows]:
    """Read all of `x` at once under the windowed mask.

    Returns hidden vectors, and for each layer keys before rotation and values, (heads, n, d).
    A query at p sees keys in (p - window, p] turned to their positions, and the first `sinks`
    when they are further back: then the query is turned to `far`, by default window - 1, and
    they are not turned. `places` are the positions, by default 0, 1, ... `spans` has a window for
    each key head of each layer instead.
    """
    config = model.config
    weights = {name: value.double() for name, value in model.state_dict().items()}
    all_keys, all_values = [], []
    x = x.double()
    for index in range(config.layers):
        own = {
            name.removeprefix(f"blocks.{index}."): value
            for name, value in weights.items()
            if name.startswith(f"blocks.{index}.")
        }
        normed = _norm(x, own["attention_norm.weight"], config.epsilon)
        queries, keys, values = (
            _heads(normed, own, name, config.head_width) for name in ("query", "key", "value")
        )
        span = window or len(x)
        rows, where = [], places or range(len(x))
        for head, own_span in enumerate(spans[index] if spans else [span] * len(keys)):
            turned = _Turned(config.theta, where, own_span - 1 if far is None else far)
            asking = queries.view(len(keys), -1, *queries.shape[1:])[head]
            own_keys, own_values = keys[head : head + 1], values[head : head + 1]
            rows.append(_mixed(asking, own_keys, own_values, turned, own_span, sinks))
        x = _fed(x, torch.cat(rows, 1), own, config.epsilon)
        all_keys.append(keys)
        all_values.append(values)
    return x, all_keys, all_values


def _fed(x: Tensor, mixed: Tensor, own: dict[str, Tensor], epsilon: float) -> Tensor:
    x = x + mixed @ own["out.weight"].T
    inner = _norm(x, own["inner_norm.weight"], epsilon)
    gate = inner @ own["gate.weight"].T
    up = inner @ own["up.weight"].T
    fed: Tensor = x + (gate * torch.sigmoid(gate) * up) @ own["down.weight"].T
    return fed


def read_after(
    model: Decoder,
    x: Tensor,
    held: tuple[Rows, Rows],
    place: Callable[[int, int, int], int | None],
) -> Tensor:
    """Return the hidden vectors of `x` after a full cache: keys before rotation, and values.

    A key head of a layer reads key j at the position `place(layer, head, j)`, or not at all. Those
    of `x` are at positions after the cache, and causal.
    """
    config = model.config
    weights = {name: value.double() for name, value in model.state_dict().items()}
    x = x.double()
    for index in range(config.layers):
        prefix = f"blocks.{index}."
        own = {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
        normed = _norm(x, own["attention_norm.weight"], config.epsilon)
        queries, keys, values = (
            _heads(normed, own, name, config.head_width) for name in ("query", "key", "value")
        )
        past = held[0][index].shape[1]
        keys, values = torch.cat([held[0][index], keys], 1), torch.cat([held[1][index], values], 1)
        mixed = torch.zeros_like(queries)
        for h, p in itertools.product(range(len(queries)), range(len(x))):
            head = h // (len(queries) // len(keys))
            near = turn(queries[h, p], past + p, config.theta)
            where = {j: place(index, head, j) for j in range(past)}
            where |= {j: j for j in range(past, past + p + 1)}
            score = {
                j: float(near @ turn(keys[head, j], at, config.theta))
                for j, at in where.items()
                if at is not None
            }
            shares = _soft([each / math.sqrt(config.head_width) for each in score.values()])
            for j, share in zip(score, shares, strict=True):
                mixed[h, p] += share * values[head, j]
        x = _fed(x, mixed.transpose(0, 1).flatten(1), own, config.epsilon)
    return x


def _heads(normed: Tensor, own: dict[str, Tensor], name: str, width: int) -> Tensor:
    out = normed @ own[f"{name}.weight"].T
    if f"{name}.bias" in own:
        out = out + own[f"{name}.bias"]
    out = out.view(len(normed), -1, width).transpose(0, 1)
    norm = own.get(f"{name}_norm.weight")
    return out if norm is None else torch.stack([_norm(head, norm, 1e-6) for head in out])


@dataclass
class _Turned:
    theta: float
    places: Sequence[Place]
    far: float


def mixed(
    queries: Tensor, keys: Tensor, values: Tensor, theta: float, window: int, sinks: int
) -> Tensor:
    """Return what attention at positions 0, 1, ... mixes for each query, its heads in a row."""
    turned = _Turned(theta, range(queries.shape[1]), window - 1)
    return _mixed(queries, keys, values, turned, window, sinks)


def _mixed(
    queries: Tensor, keys: Tensor, values: Tensor, how: _Turned, window: int, sinks: int
) -> Tensor:
    turned = torch.stack(
        [
            torch.stack([turn(k, how.places[j], how.theta) for j, k in enumerate(head)])
            for head in keys
        ]
    )
    group = len(queries) // len(keys)
    root = math.sqrt(queries.shape[-1])
    out = torch.zeros_like(queries)
    for h, p in itertools.product(range(len(queries)), range(queries.shape[1])):
        near = turn(queries[h, p], how.places[p], how.theta)
        far = turn(queries[h, p], how.far, how.theta)
        score = {}
        for j in range(p + 1):
            if p - j < window:
                score[j] = float(near @ turned[h // group, j]) / root
            elif j < sinks:
                score[j] = float(far @ keys[h // group, j]) / root
        for j, share in zip(score, _soft(list(score.values())), strict=True):
            out[h, p] += share * values[h // group, j]
    return out.transpose(0, 1).flatten(1)


def scores(model: Decoder, hidden: Tensor) -> Tensor:
    """Return the scores of the vocabulary for hidden vectors."""
    weights = {name: value.double() for name, value in model.state_dict().items()}
    head = weights["embedding.weight" if model.config.tied else "head.weight"]
    normed = _norm(hidden, weights["norm.weight"], model.config.epsilon)
    return torch.matmul(normed, head.T)

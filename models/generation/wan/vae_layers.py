"""The layers of Wan's video autoencoders, under their tensor names: causal in time.

Layers hold no state. A `CausalCache` gives each causal layer the end of its previous input,
and collects what the next call needs.

Source: Wan team 2025, section 4.1 (the feature cache).
"""

from collections.abc import Callable, Iterable, Iterator

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

FeatureCache = tuple[Tensor, ...]


class CausalCache:
    """The ends of the causal layers' inputs, of the previous call and of this one, in layer order.

    Without a previous call it is the start of a stream. Layers compute `rows` rows at once, or all
    (0): see `in_slices`.
    """

    def __init__(self, before: FeatureCache | None, *, rows: int = 0) -> None:
        self.is_start = before is None
        self.rows = rows
        self._before: Iterator[Tensor] = iter(before or ())
        self._after: list[Tensor] = []

    def previous(self) -> Tensor | None:
        """Return the end stored by the next layer in order; None at the start of a stream."""
        return None if self.is_start else next(self._before)

    def store(self, end: Tensor) -> None:
        self._after.append(end.clone())  # a view would keep the whole tensor alive

    def extend(self, ends: Iterable[Tensor]) -> None:
        """Store `ends`, which are no views."""
        self._after.extend(ends)

    @property
    def following(self) -> FeatureCache:
        """The `before` of the next call."""
        return tuple(self._after)


def run_layer(layer: nn.Module, x: Tensor, cache: CausalCache) -> Tensor:
    """Return what `layer` makes of `x`, with the cache if it is causal."""
    run: Callable[[Tensor, CausalCache], Tensor] | None = getattr(layer, "run", None)
    out: Tensor = layer(x) if run is None else run(x, cache)
    return out


def in_slices(
    run: Callable[[Tensor, CausalCache], Tensor],
    x: Tensor,
    cache: CausalCache,
    *,
    causal: int,
    halo: int,
    scale: int = 1,
) -> Tensor:
    """Return `run(x, cache)`, computed in slices of `cache.rows` rows: less is in memory at once.

    `run` has `causal` layers with a cache, sees `halo` rows around each, and gives `scale` rows for
    one. A slice gets its halo too, and only the rows that are the same as in the whole are kept.

    Source: Zhan et al. 2024, "Fast and memory-efficient video diffusion using streamlined
    inference" (feature slicer), with halos here so that nothing changes.
    """
    height = x.shape[-2]
    if not 0 < cache.rows < height:
        return run(x, cache)
    past = [cache.previous() for _ in range(causal)]
    out, ends = x.new_empty(0), list[Tensor]()
    for top in range(0, height, cache.rows):
        bottom = min(top + cache.rows, height)
        first, last = max(0, top - halo), min(height, bottom + halo)
        before = tuple(each[..., first:last, :] for each in past if each is not None)
        part = CausalCache(None if cache.is_start else before)
        made = run(x[..., first:last, :], part)
        if not top:
            out = _taller(made, scale * height)
            ends = [_taller(end, height) for end in part.following]
        kept = slice(scale * (top - first), scale * (bottom - first))
        out[..., scale * top : scale * bottom, :] = made[..., kept, :]
        for end, whole in zip(part.following, ends, strict=True):
            whole[..., top:bottom, :] = end[..., top - first : bottom - first, :]
    cache.extend(ends)
    return out


def _taller(x: Tensor, height: int) -> Tensor:
    """Return an empty tensor like `x`, of `height` rows."""
    return x.new_empty(*x.shape[:-2], height, x.shape[-1])


class CausalConv(nn.Conv3d):
    """A convolution over no later frames; zeros precede the first."""

    def __init__(self, before: int, after: int, kernel: int | tuple[int, int, int]) -> None:
        size = (kernel,) * 3 if isinstance(kernel, int) else kernel
        super().__init__(before, after, size, padding=(0, size[1] // 2, size[2] // 2))

    def run(self, x: Tensor, cache: CausalCache) -> Tensor:
        reach = self.kernel_size[0] - 1
        if reach:
            past = cache.previous()
            if past is None:
                past = x.new_zeros(*x.shape[:2], reach, *x.shape[3:])
            x = torch.cat([past, x], 2)
            cache.store(x[:, :, -reach:])
        out: Tensor = self(x)
        return out


class ChannelNorm(nn.Module):
    """L2 normalization of channels; `gamma` has `axes` axes after the channels."""

    def __init__(self, channels: int, axes: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels, *(1,) * axes))

    def forward(self, x: Tensor) -> Tensor:
        even = F.normalize(x.float(), dim=1).to(x.dtype)
        out: Tensor = even * len(self.gamma) ** 0.5 * self.gamma
        return out


class Residual(nn.Module):
    """Two causal convolutions with a skip connection."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            ChannelNorm(before, 3),
            nn.SiLU(),
            CausalConv(before, after, 3),
            ChannelNorm(after, 3),
            nn.SiLU(),
            nn.Identity(),  # Wan's dropout, which counts in the names of later layers
            CausalConv(after, after, 3),
        )
        self.shortcut = CausalConv(before, after, 1) if before != after else nn.Identity()

    def run(self, x: Tensor, cache: CausalCache) -> Tensor:
        return in_slices(self._run, x, cache, causal=2, halo=2)

    def _run(self, x: Tensor, cache: CausalCache) -> Tensor:
        beside: Tensor = self.shortcut(x)
        for layer in self.residual:
            x = layer.run(x, cache) if isinstance(layer, CausalConv) else layer(x)
        return x + beside


class Attention(nn.Module):
    """Self-attention within a frame."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels, 2)
        self.to_qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.proj = nn.Conv2d(channels, channels, 1)

    def run(self, x: Tensor, cache: CausalCache) -> Tensor:
        del cache  # it sees only its own frame
        frames = merge_time(x)
        query, key, value = self.to_qkv(self.norm(frames)).flatten(2).transpose(1, 2).chunk(3, 2)
        mixed = F.scaled_dot_product_attention(query, key, value)
        out = self.proj(mixed.transpose(1, 2).reshape(frames.shape))
        return x + split_time(out, len(x))


class Upsample(nn.Module):
    """Doubles height and width, to `after` channels; with `time` it doubles the frames too.

    The first frame of a stream stays one.
    """

    def __init__(self, channels: int, after: int, *, time: bool) -> None:
        super().__init__()
        self.resample = nn.Sequential(
            nn.Upsample(scale_factor=(2.0, 2.0), mode="nearest-exact"),
            nn.Conv2d(channels, after, 3, padding=1),
        )
        self.time_conv = CausalConv(channels, 2 * channels, (3, 1, 1)) if time else None

    def run(self, x: Tensor, cache: CausalCache) -> Tensor:
        causal = 0 if self.time_conv is None else 1
        return in_slices(self._run, x, cache, causal=causal, halo=1, scale=2)

    def _run(self, x: Tensor, cache: CausalCache) -> Tensor:
        if self.time_conv is not None:
            x = self._doubled(x, self.time_conv, cache)
        return split_time(self.resample(merge_time(x)), len(x))

    def _doubled(self, x: Tensor, conv: CausalConv, cache: CausalCache) -> Tensor:
        first, rest = (x[:, :, :1], x[:, :, 1:]) if cache.is_start else (x[:, :, :0], x)
        if not rest.shape[2]:  # the time convolution never sees the first frame
            cache.store(x.new_zeros(*x.shape[:2], 2, *x.shape[3:]))
            return first
        pairs = torch.unflatten(conv.run(rest, cache), 1, (2, -1))
        return torch.cat([first, pairs.permute(0, 2, 3, 1, 4, 5).flatten(2, 3)], 2)


class Downsample(nn.Module):
    """Halves height and width, and with `time` the frames after a stream's first."""

    def __init__(self, channels: int, *, time: bool) -> None:
        super().__init__()
        self.resample = nn.Sequential(
            nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(channels, channels, 3, stride=2)
        )
        self.time_conv = nn.Conv3d(channels, channels, (3, 1, 1), (2, 1, 1)) if time else None

    def run(self, x: Tensor, cache: CausalCache) -> Tensor:
        x = split_time(self.resample(merge_time(x)), len(x))
        if self.time_conv is None:
            return x
        past = cache.previous()
        cache.store(x[:, :, -1:])
        if past is not None:
            out: Tensor = self.time_conv(torch.cat([past, x], 2))
            return out
        return x[:, :, :1] if x.shape[2] == 1 else torch.cat([x[:, :, :1], self.time_conv(x)], 2)


def merge_time(x: Tensor) -> Tensor:
    """Return (batch, channels, time, ...) as frames (batch * time, channels, ...)."""
    return x.transpose(1, 2).flatten(0, 1)


def split_time(frames: Tensor, batch: int) -> Tensor:
    """Undo `merge_time`."""
    return torch.unflatten(frames, 0, (batch, -1)).transpose(1, 2)

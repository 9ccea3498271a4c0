"""How a codec begins: with principal components, or with a trained codec and more channels.

The latents of the trained one stay exactly as they are. A transformer trained on them then has only
the new channels to learn, which begin as the principal components of what that codec loses.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from models.generation.codec.codec import PATCH, Codec, fold

READING = ("fine_in", "fine_read", "down", "wide_read")  # the encoder before its last layers

Batch = tuple[Tensor, Tensor]  # pixels and their weights, as `batch_of` gives them


@torch.no_grad()
def begin(codec: Codec, clips: Iterable[Tensor]) -> None:
    """Set the linear part of `codec` to the principal components of `clips`.

    They are (batch, 3, frames, height, width) each, some hundred in all. Each component is divided
    by the root of its deviation: large ones stay larger than small ones, but noise does not hide
    the small ones.
    """
    blocks = torch.cat(
        [fold(pixels, PATCH).permute(0, 1, 3, 4, 2).flatten(0, 3) for pixels in clips]
    )
    mean = blocks.mean(0)
    values, vectors = torch.linalg.eigh((blocks - mean).T.cov())
    count = codec.config.channels
    axes = vectors[:, -count:].flip(1)  # (768, channels), the largest first
    deviation = values[-count:].flip(0).sqrt()
    size = deviation.sqrt() * deviation.mean().sqrt()
    codec.linear_in.weight.copy_((axes / size).T[..., None, None])
    codec.linear_in.bias.copy_(-(mean @ axes) / size)  # type: ignore[union-attr]  # it has one
    codec.linear_out.weight.copy_((axes * size)[..., None, None])
    codec.linear_out.bias.copy_(mean)  # type: ignore[union-attr]  # it has one


@torch.no_grad()
def calibrate(codec: Codec, clips: Iterable[Tensor], kept: int = 0) -> None:
    """Set `mean` and `scale` so that the latents of `clips` have zero mean and unit size.

    Those of the first `kept` channels stay.
    """
    codec.mean[kept:] = 0
    codec.scale[kept:] = 1
    latents = torch.cat([codec.encode(pixels)[0] for pixels in clips])
    codec.mean[kept:] = latents.mean((0, 2, 3, 4))[kept:]
    codec.scale[kept:] = latents.std((0, 2, 3, 4))[kept:]


@torch.no_grad()
def widen(codec: Codec, given: Codec, batches: list[Batch]) -> None:
    """Give `codec`, of more channels, the weights of `given`, and begin its new channels."""
    state, kept = codec.state_dict(), given.config.channels
    for name, part in given.state_dict().items():
        state[name][tuple(slice(0, size) for size in part.shape)] = part
    for layer in (codec.linear_out, codec.wide_in):
        layer.weight[:, kept:] = 0
    if codec.config.channels == kept:
        return
    axes, deviation, mean = lost(given, batches, codec.config.channels - kept)
    codec.linear_in.weight[kept:] = (axes / deviation).T[..., None, None]
    codec.linear_in.bias[kept:] = -(mean @ axes) / deviation  # type: ignore[index]  # it has one
    codec.latent.weight[kept:] = 0
    codec.latent.bias[kept:] = 0  # type: ignore[index]  # it has one
    codec.mean[kept:], codec.scale[kept:] = 0, 1


def lost(given: Codec, batches: list[Batch], count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the `count` largest components of what `given` loses.

    They are (768, count); the deviation of the pictures along each, and the mean block, follow.
    """
    blocks, left, weights = [], [], []
    for pixels, weight in batches:
        shown, _ = given.decode(given.encode(pixels)[0])
        blocks.append(_blocks(pixels))
        left.append(_blocks(pixels - shown))
        weights.append(_blocks(weight.expand_as(pixels)).mean(1, keepdim=True))
    block, weight = torch.cat(blocks), torch.cat(weights)
    heavy = torch.cat(left) * weight.sqrt()
    _, vectors = torch.linalg.eigh(heavy.T @ heavy)
    axes = vectors[:, -count:].flip(1)
    return axes, (block @ axes).std(0), block.mean(0)


def _blocks(pixels: Tensor) -> Tensor:
    return fold(pixels, PATCH).permute(0, 1, 3, 4, 2).flatten(0, 3)


class KeptLatents:
    """The parts of a codec on which its first `count` channels depend."""

    def __init__(self, codec: Codec, count: int) -> None:
        self.count = count
        for name in READING:
            codec.get_submodule(name).requires_grad_(False)
        self._rows = [(part, part[:count].detach().clone()) for part in _last(codec)]

    @torch.no_grad()
    def restore(self) -> None:
        """Undo what a step changed of them."""
        for part, rows in self._rows:
            part[: self.count] = rows


def _last(codec: Codec) -> list[nn.Parameter]:
    return [*codec.linear_in.parameters(), *codec.latent.parameters()]

"""The streaming ANCAT encoder as a network that is exported: caches of a fixed size, and masks.

Each layer keeps its inputs, and their keys and values, in caches. In each run it takes the oldest
inputs without an output, looks how far ahead each of them attends, and outputs those that are
complete, in order. Its outputs are the inputs of the next layer in the same run. What it computed
of incomplete inputs is written to slots behind the complete ones: no mask shows these, and the next
run overwrites them. So all shapes are fixed, and each stream of a batch goes at its own pace.
"""

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

from models.asr.ancat.network import PAIR, Ancat, AncatConfig
from models.asr.whisper.whisper import EncoderLayer, WhisperConfig
from models.engine import (
    DimensionRange,
    EngineSpec,
    ExportableNetwork,
    TensorSpec,
    update_cache,
)

MEL_FRAMES = 4  # frames of log-mel of a pair of frames
AROUND = 3  # frames of log-mel that the convolutions read besides: two before, one after
MAX_PAIRS = 16  # that enter in one run
MAX_ROWS = 32  # frames of 20 ms that each layer can output in one run
MARGIN = max(MAX_PAIRS * PAIR, MAX_ROWS) + 4  # slots behind the last frame, for incomplete ones
MAX_BATCH = 16


def encoder_spec(
    config: AncatConfig, whisper: WhisperConfig, dtype: torch.dtype = torch.float32
) -> EngineSpec:
    """Return the tensors of the encoder.

    `mel_before` and `mel` are consecutive frames of scaled log-mel: two before the first frame that
    enters, and one after the last. `mel_count` says how many frames of log-mel belong to what
    enters: MEL_FRAMES for each pair, less at the end, 0 if nothing does. `given` (batch,
    layers + 1) counts the frames of 20 ms that entered so far, and that each layer gave out; the
    output `given_now` counts them after the run. Streams that are `ended` get no more frames.

    `rows` and `slots` are 0, 1, 2...: how many frames a layer can output in this run, and how many
    slots it attends to, at least all that frames entered.

    `hidden` are joined frames of 40 ms, as many as the last layer gave out, in pairs. `last_seen`
    is the index of the last input that each output of a layer attends to.
    """
    layers, width = config.layers, whisper.audio_width
    slots, heads = whisper.audio_context + MARGIN, whisper.audio_heads
    cache = ("batch", heads, slots, width // heads)
    return EngineSpec(
        name="ancat-encoder",
        inputs=(
            TensorSpec("mel_before", dtype, ("batch", whisper.mels, AROUND)),
            TensorSpec("mel", dtype, ("batch", whisper.mels, f"{MEL_FRAMES}*pairs")),
            TensorSpec("mel_count", torch.int64, ("batch",)),
            TensorSpec("given", torch.int64, ("batch", layers + 1)),
            TensorSpec("ended", torch.bool, ("batch",)),
            TensorSpec("rows", torch.int64, (f"{PAIR}*frames",)),
            TensorSpec("slots", torch.int64, ("slots",)),
        ),
        outputs=(
            TensorSpec("hidden", dtype, ("batch", "frames", width)),
            TensorSpec("given_now", torch.int64, ("batch", layers + 1)),
            TensorSpec("last_seen", torch.int64, ("batch", layers, f"{PAIR}*frames")),
        ),
        state=(
            *_caches("front", ("keys", "values"), config.frozen, dtype, cache),
            *_caches("layer", ("inputs",), layers, dtype, ("batch", 1, slots, width)),
            *_caches("layer", ("keys", "values"), layers, dtype, cache),
        ),
        profiles=(
            {
                "batch": DimensionRange(1, 1, MAX_BATCH),
                "pairs": DimensionRange(1, 2, MAX_PAIRS),
                "frames": DimensionRange(1, 4, MAX_ROWS // PAIR),
                "slots": DimensionRange(1, min(512, slots), slots),
            },
        ),
    )


def _caches(
    part: str, kinds: tuple[str, ...], layers: int, dtype: torch.dtype, shape: tuple[int | str, ...]
) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(f"{part}.{layer}.{kind}", dtype, shape)
        for kind in kinds
        for layer in range(layers)
    )


class AncatEncoderNetwork(ExportableNetwork):
    """One run of the encoder, see `encoder_spec`."""

    def __init__(self, model: Ancat) -> None:
        """Take the weights of `model`.

        Raises:
            ValueError: it attends to the whole clip, so it cannot be streamed.
        """
        super().__init__()
        if model.config.mode == "full":
            raise ValueError("a model that attends to whole clips cannot be streamed")
        self.model = model
        self.spec = encoder_spec(model.config, model.front.config, model.pool.weight.dtype)

    def forward(
        self,
        mel_before: Tensor,
        mel: Tensor,
        mel_count: Tensor,
        given: Tensor,
        ended: Tensor,
        rows: Tensor,
        slots: Tensor,
        *caches: Tensor,
    ) -> tuple[Tensor, ...]:
        state = dict(zip((each.name for each in self.spec.state), caches, strict=True))
        entered = given[:, 0]
        total = entered + (mel_count + 1) // 2
        x = self._front(torch.cat([mel_before, mel], 2), mel_count, entered, total, slots, state)
        start, ready, counts, seen = entered, total, [total], []
        for index in range(self.model.config.layers):
            names = [f"layer.{index}.{kind}" for kind in ("inputs", "keys", "values")]
            for name, new in zip(names, self._cached(index, x), strict=True):
                state[name] = update_cache(state[name], new, start)
            start = given[:, index + 1]
            x, ready, last = self._outputs(
                index, start[:, None] + rows, total, ended, slots, [state[name] for name in names]
            )
            if index == self.model.config.layers - 1:
                ready = self._in_pairs(ready, ended & (start + ready == total))
            ended = ended & (start + ready == total)
            total = start + ready
            counts.append(total)
            seen.append(last)
        hidden = self._joined(x, rows < ready[:, None])
        return hidden, torch.stack(counts, 1), torch.stack(seen, 1), *state.values()

    def _front(
        self,
        mel: Tensor,
        mel_count: Tensor,
        entered: Tensor,
        total: Tensor,
        slots: Tensor,
        state: dict[str, Tensor],
    ) -> Tensor:
        """Return new frames of 20 ms, (batch, frames, width), after the frozen layers."""
        encoder = self.model.front.encoder
        x = F.gelu(F.conv1d(mel, encoder.conv1.weight, encoder.conv1.bias))
        # Before the first frame and after the last, the second convolution reads zeros.
        place = torch.arange(x.shape[2], device=x.device)[None]
        inside = (place <= mel_count[:, None]) & ((place > 0) | (entered[:, None] > 0))
        x = x.masked_fill(~inside[:, None], 0.0)
        x = F.gelu(F.conv1d(x, encoder.conv2.weight, encoder.conv2.bias, stride=2))
        x = x.transpose(1, 2)
        places = entered[:, None] + torch.arange(x.shape[1], device=x.device)
        x = x + encoder.positions[places.clamp(max=len(encoder.positions) - 1)]
        block_end = torch.minimum(places // PAIR * PAIR + PAIR, total[:, None]).clamp(min=1)
        mask = slots < block_end[:, :, None]
        for index, layer in enumerate(encoder.layers):
            assert isinstance(layer, EncoderLayer)
            over = []
            new = layer.self_attention.keys_values(layer.self_attention_norm(x))
            for kind, tensor in zip(("keys", "values"), new, strict=True):
                name = f"front.{index}.{kind}"
                state[name] = update_cache(state[name], tensor, entered)
                over.append(state[name])
            x = _attend(layer, x, over[0], over[1], mask)
        return x

    def _cached(self, index: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what layer `index` caches of inputs, each (batch, heads, frames, width)."""
        layer = self.model.layers[index]
        assert isinstance(layer, EncoderLayer)
        keys, values = layer.self_attention.keys_values(layer.self_attention_norm(x))
        return x[:, None], keys, values

    def _outputs(
        self,
        index: int,
        places: Tensor,
        total: Tensor,
        ended: Tensor,
        slots: Tensor,
        caches: list[Tensor],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return outputs for the inputs at `places`, (batch, rows).

        With them, how many of the first are complete, (batch,), and the last input that each
        attends to.
        """
        layer = self.model.layers[index]
        assert isinstance(layer, EncoderLayer)
        inputs, keys, values = caches
        x = inputs.squeeze(1)[torch.arange(places.shape[0], device=places.device)[:, None], places]
        end = total[:, None]
        last = places + self.model.ahead(index, layer.self_attention_norm(x))
        complete = (places < end) & ((last < end) | ended[:, None])
        ready = ((~complete).long().cumsum(1) == 0).sum(1)
        last = torch.minimum(last, end - 1).clamp(min=0)
        return _attend(layer, x, keys, values, slots <= last[:, :, None]), ready, last

    def _in_pairs(self, ready: Tensor, whole: Tensor) -> Tensor:
        """Return the even part of `ready`, or all of it where that is the `whole` rest."""
        return torch.where(whole, ready, ready - ready % PAIR)

    def _joined(self, x: Tensor, given: Tensor) -> Tensor:
        """Return pairs of frames joined; frames that were not given out are zeros."""
        normed = self.model.norm(x).masked_fill(~given[:, :, None], 0.0)
        joined: Tensor = self.model.pool(normed.reshape(x.shape[0], -1, PAIR * x.shape[2]))
        return joined


def _attend(layer: EncoderLayer, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """Run `layer` on x (batch, rows, width), over as many slots as `mask` (batch, rows, n) has."""
    count = mask.shape[2]
    normed = layer.self_attention_norm(x)
    over = keys[:, :, :count], values[:, :, :count]
    x = x + layer.self_attention(normed, over, mask[:, None])
    fed: Tensor = x + layer.feed_forward(layer.feed_forward_norm(x))
    return fed

"""The ANCAT network: an encoder that decides, per layer and frame, how far ahead to attend.

The encoder is Whisper's, with frames of 20 ms. In each layer a small scheduler reads a frame and
predicts how many later frames to attend to: as gates between 0 and 1 in training, as a whole
number at inference. A frame arrives once the last frame that it attends to has arrived, layer by
layer, so the total look-ahead is counted where it adds up. Frames are joined in pairs after the
last layer: the transducer reads 40 ms at a time.

A compact conformer trained from scratch needs hundreds of hours of speech; Whisper's layers know
speech already, if their inputs stay as they were. Joining frames before the layers halves the
work, but took twice the speech to reach the same errors. The units are letters: in ten hours of
text each of a few hundred word pieces is too rare, letters spell unseen words, and the joiner,
which scores each pair of frame and letter, stays narrow.

`encode` takes whole clips under a mask: for training, and as the reference for the stream in
`models.asr.ancat.encoder`.

Sources: ANCAT, Strimel et al. 2023 (scheduler, soft and hard attention, arrival through the
layers); CarelessWhisper, Krichli et al. 2025 (causal Whisper).
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.asr.ancat.look_ahead import Scheduler, arrivals, attention_mask, spans
from models.asr.ancat.transducer import Transducer, TransducerConfig
from models.asr.streaming.causal_encoder import BlockSizes, encode_masked
from models.asr.whisper.whisper import EncoderLayer, Whisper, WhisperConfig

Mode = Literal["causal", "fixed", "adaptive", "full"]
MODES: tuple[Mode, ...] = ("causal", "fixed", "adaptive", "full")
PAIR = 2  # frames of 20 ms that become one
FRAME = 640  # samples of a pair: 40 ms
FRONT_BLOCKS = BlockSizes(chunk=PAIR, first=PAIR)  # frozen layers attend within a pair


@dataclass(frozen=True, slots=True, kw_only=True)
class AncatConfig:
    """Sizes. `whisper` names the packaged model that the encoder starts from.

    `frozen` of its layers are not trained; `layers` more follow. In each of those a frame attends
    to later frames of 20 ms: none in mode "causal", `ahead` in "fixed", up to `ahead` in
    "adaptive", and all of the clip in "full".
    """

    whisper: str = "tiny.en"
    mode: Mode = "adaptive"
    ahead: int = 16
    frozen: int = 0
    layers: int = 4
    scheduler: int = 64
    joint: int = 256
    units: int = 29

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"no mode {self.mode!r}; known are {', '.join(MODES)}")
        if self.ahead < 1 and self.mode in ("fixed", "adaptive"):
            raise ValueError(f"mode {self.mode!r} looks at least 1 frame ahead, not {self.ahead}")


@dataclass(frozen=True, slots=True, eq=False)
class EncodedClips:
    """`hidden` is (batch, time, width); `arrival`, (batch, time), when each frame is complete.

    Arrivals and `frames`, the clips' lengths, count frames of 40 ms; in training arrivals are
    averages.
    """

    hidden: Tensor
    arrival: Tensor
    frames: Tensor

    def delays(self) -> Tensor:
        """Return how far ahead each frame of the clips attends, in frames, (all lengths,)."""
        time = self.hidden.shape[1]
        place = torch.arange(time, device=self.frames.device)
        real = place < self.frames[:, None]
        return (self.arrival - place)[real]


class Ancat(nn.Module):
    """The encoder, and the transducer that reads its frames."""

    def __init__(self, config: AncatConfig, whisper: WhisperConfig) -> None:
        super().__init__()
        self.config = config
        width = whisper.audio_width
        self.front = build_front(whisper, config.frozen)
        self.pool = nn.Linear(PAIR * width, width)
        self.layers = nn.ModuleList(
            EncoderLayer(width, whisper.audio_heads) for _ in range(config.layers)
        )
        self.schedulers = nn.ModuleList(
            Scheduler(width, config.scheduler, config.ahead)
            for _ in range(config.layers if config.mode == "adaptive" else 0)
        )
        self.norm = nn.LayerNorm(width)
        self.transducer = Transducer(transducer_config(config, whisper))

    @property
    def max_frames(self) -> int:
        """How many frames of 40 ms a clip or a window may have."""
        return self.front.config.audio_context // PAIR

    def gates(
        self,
        index: int,
        normed: Tensor,
        temperature: float | None,
        mode: Mode | None = None,
        ahead: int | None = None,
    ) -> Tensor:
        """Return the logs of the gates of layer `index`; without `temperature` as at inference.

        `mode` overrides the model's own, `ahead` the look-ahead of mode "fixed".
        """
        batch, time = normed.shape[:2]
        match mode or self.config.mode:
            case "adaptive":
                gates: Tensor = self.schedulers[index](normed, temperature)
                return gates
            case "fixed":
                return normed.new_zeros(batch, time, ahead or self.config.ahead)
            case _:
                return normed.new_zeros(batch, time, 0)

    def ahead(self, index: int, normed: Tensor) -> Tensor:
        """Return how many frames ahead layer `index` attends at inference, (batch, time)."""
        return spans(self.gates(index, normed, None))

    def encode_front(self, mel: Tensor) -> Tensor:
        """Run the frozen part on scaled log-mel (batch, mels, n); frames are 20 ms."""
        return encode_masked(self.front, mel, FRONT_BLOCKS)

    def join_pairs(self, x: Tensor, arrivals: Tensor) -> tuple[Tensor, Tensor]:
        """Join frames of 20 ms, (batch, n, width), to half as many, rounded up.

        `arrivals` (batch, n) rise; a pair arrives with its second frame.
        """
        normed = F.pad(self.norm(x), (0, 0, 0, x.shape[1] % PAIR))
        pooled: Tensor = self.pool(normed.reshape(len(x), -1, PAIR * x.shape[2]))
        ends = torch.cat([arrivals[:, PAIR - 1 :: PAIR], arrivals[:, -1:]], 1)
        return pooled, ends[:, : pooled.shape[1]]

    def encode(
        self,
        mel: Tensor,
        frames: Tensor | None = None,
        *,
        temperature: float | None = None,
        mode: Mode | None = None,
        ahead: int | None = None,
    ) -> EncodedClips:
        """Encode whole clips, with soft gates at `temperature`, else as at inference.

        `mel` is scaled log-mel (batch, mels, n). `frames`, int64 (batch,), are the clips'
        lengths in frames of 40 ms; the default is all. `mode` and `ahead` are as in `gates`.

        Raises:
            ValueError: the clips are longer than the model has positions for.
        """
        mode = mode or self.config.mode
        x = self.encode_front(mel)
        batch, time = x.shape[:2]
        pairs = -(-time // PAIR)
        if frames is None:
            frames = torch.full((batch,), pairs, device=x.device)
        last = (frames - 1).to(x.dtype)[:, None]
        real = (frames * PAIR).clamp(max=time)
        # Both frames of a pair arrive at once.
        place = torch.arange(time, device=x.device) // PAIR
        arrival = torch.minimum(place.to(x.dtype), last)
        whole = None
        if mode == "full":
            whole = attention_mask(x.new_zeros(batch, time, time), real)
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, EncoderLayer)
            normed = layer.self_attention_norm(x)
            gates = self.gates(index, normed, temperature, mode, ahead)
            mask = attention_mask(gates, real) if whole is None else whole
            over = layer.self_attention.keys_values(normed)
            x = x + layer.self_attention(normed, over, mask.to(over[0].dtype))
            x = x + layer.feed_forward(layer.feed_forward_norm(x))
            arrival = arrivals(arrival, gates)
        hidden, arrival = self.join_pairs(x, arrival)
        if mode == "full":
            arrival = last.expand(-1, pairs)
        return EncodedClips(hidden, arrival, frames)


def transducer_config(config: AncatConfig, whisper: WhisperConfig) -> TransducerConfig:
    """Return the sizes of the transducer of such a model."""
    return TransducerConfig(
        units=config.units, encoder_width=whisper.audio_width, width=config.joint
    )


def build_front(whisper: WhisperConfig, layers: int) -> Whisper:
    """Return the convolutions and first `layers` of a Whisper's encoder, without a decoder."""
    sizes = replace(whisper, audio_layers=layers, text_layers=0, text_context=1, vocabulary=1)
    front = Whisper(sizes)
    # The norm belongs after the last layer.
    front.encoder.norm = nn.Identity()  # type: ignore[assignment]  # same signature
    del front.decoder
    return front.requires_grad_(False)


def from_whisper(config: AncatConfig, whisper: Whisper) -> Ancat:
    """Return a model with the encoder layers of `whisper`; the rest is random.

    Raises:
        ValueError: `whisper` has fewer layers than `config` needs.
    """
    encoder, wanted = whisper.encoder, config.frozen + config.layers
    if len(encoder.layers) < wanted:
        raise ValueError(f"{wanted} layers needed, the encoder has {len(encoder.layers)}")
    model = Ancat(config, whisper.config)
    load_front(model, whisper)
    first = len(encoder.layers) - config.layers
    for index, layer in enumerate(model.layers):
        layer.load_state_dict(encoder.layers[first + index].state_dict())
    model.norm.load_state_dict(encoder.norm.state_dict())
    with torch.no_grad():
        width = whisper.config.audio_width
        mean = torch.eye(width, dtype=model.pool.weight.dtype) / PAIR
        model.pool.weight.copy_(mean.repeat(1, PAIR))
        model.pool.bias.zero_()
    return model


def load_front(model: Ancat, whisper: Whisper) -> None:
    """Copy the frozen part of `whisper` into `model`."""
    own = model.front.state_dict()
    theirs = whisper.state_dict()
    model.front.load_state_dict({name: theirs[name] for name in own})

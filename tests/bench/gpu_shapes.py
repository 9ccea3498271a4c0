"""The shapes that `tests.bench.gpu` measures."""

from dataclasses import dataclass

from models.asr.whisper.whisper import WhisperConfig
from models.generation.dit import DitConfig
from models.generation.wan.text_encoder import UmT5Config
from models.generation.wan.vae import VaeConfig
from models.language.decoder import DecoderConfig
from models.vision.video_llm.siglip import SiglipConfig
from tests.bench.gpu_drawing import DrawingShapes
from tests.trt_engines.small_networks import BUILDS

LARGE_V3 = WhisperConfig(
    mels=128,
    audio_context=1500,
    audio_width=1280,
    audio_heads=20,
    audio_layers=32,
    text_context=448,
    text_width=1280,
    text_heads=20,
    text_layers=32,
    vocabulary=51866,
)
SO400M = SiglipConfig(side=384, patch=14, width=1152, inner_width=4304, layers=26, heads=16)


def qwen2(width: int, layers: int, heads: int, key_heads: int, inner: int) -> DecoderConfig:
    return DecoderConfig(
        vocabulary=152_000,
        width=width,
        layers=layers,
        heads=heads,
        key_heads=key_heads,
        head_width=width // heads,
        inner_width=inner,
        theta=1e6,
        biased=True,
    )


UMT5_XXL = UmT5Config(
    vocabulary=256_384, dim=4096, attention=4096, heads=64, ffn=10_240, layers=24, buckets=32
)


def wan_dit(dim: int, ffn: int, channels: int, layers: int = 30, text: int = 4096) -> DitConfig:
    return DitConfig(
        dim=dim,
        heads=dim // 128 or 2,
        layers=layers,
        ffn=ffn,
        channels=channels,
        condition=0,
        refine=0,
        text=text,
        predicts="flow",
    )


def tiny_drawing(vae: VaeConfig) -> DrawingShapes:
    return DrawingShapes(
        dit=wan_dit(48, 64, vae.channels, layers=1, text=24),
        vae=vae,
        text=UmT5Config(vocabulary=9, dim=24, attention=32, heads=4, ffn=40, layers=1, buckets=32),
        width=16,
        height=16,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """What is measured: lengths of streams in frames, and names of packaged networks.

    `drawing` has the shapes of each base that video generators are made from.
    """

    whisper: WhisperConfig
    batches: tuple[int, ...]
    tower: SiglipConfig
    decoders: dict[str, DecoderConfig]
    streams: tuple[int, ...]
    networks: tuple[str, ...]
    drawing: dict[str, DrawingShapes]


FULL = Shapes(
    whisper=LARGE_V3,
    batches=(1, 8, 32, 64),
    tower=SO400M,
    decoders={"0.5B": qwen2(896, 24, 14, 2, 4864), "7B": qwen2(3584, 28, 28, 4, 18944)},
    streams=(30, 300, 1800),
    networks=tuple(BUILDS),
    drawing={
        "wan2.1": DrawingShapes(
            dit=wan_dit(1536, 8960, 16), vae=VaeConfig(), text=UMT5_XXL, width=832, height=480
        ),
        "wan2.2": DrawingShapes(
            dit=wan_dit(3072, 14_336, 48),
            vae=VaeConfig(dim=160, decoder_dim=256, channels=48, patch=2),
            text=UMT5_XXL,
            width=1280,
            height=704,
        ),
    },
)
TINY = Shapes(
    whisper=WhisperConfig(
        mels=8,
        audio_context=20,
        audio_width=32,
        audio_heads=2,
        audio_layers=1,
        text_context=128,
        text_width=32,
        text_heads=2,
        text_layers=1,
        vocabulary=99,
    ),
    batches=(1, 2),
    tower=SiglipConfig(side=28, patch=14, width=32, inner_width=64, layers=1, heads=2),
    decoders={"tiny": qwen2(32, 2, 4, 2, 64)},
    streams=(3, 6),
    networks=("ancat-joiner",),
    drawing={
        "wan2.1": tiny_drawing(VaeConfig(dim=4, decoder_dim=4, multiples=(1, 1), temporal=(True,))),
        "wan2.2": tiny_drawing(
            VaeConfig(
                dim=4, decoder_dim=4, multiples=(1, 1), temporal=(True,), channels=48, patch=2
            )
        ),
    },
)

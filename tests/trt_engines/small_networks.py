"""A small variant of every kind of packaged network, with weights at random."""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import nn

from models.asr.ancat.encoder_network import AncatEncoderNetwork
from models.asr.ancat.transducer_networks import JoinerNetwork, PredictorNetwork
from models.asr.streaming.causal_networks import CausalEncoderNetwork
from models.asr.whisper.whisper_networks import WhisperDecoderNetwork, WhisperEncoderNetwork
from models.engine import ExportableNetwork
from models.generation.codec.enlarging import EnlargingNetwork
from models.generation.codec.networks import DecodingNetwork, EncodingNetwork
from models.generation.context import Reach
from models.generation.denoising_networks import DenoisingNetwork, DitSize, TextNetwork
from models.language.decoder import DecoderConfig
from models.language.decoder_networks import CacheSizes, DecoderNetwork, LayerParts, decoder_spec
from models.vision.classifier import ActivationMapNetwork, ClassifierNetwork
from models.vision.efficientnet import EfficientNet
from models.vision.nanodet import BINS, KINDS, STRIDES, NanoDet
from models.vision.object_detector import ObjectDetectorNetwork
from models.vision.person_detector import PersonDetectorNetwork
from models.vision.ssdlite import SsdLite, SsdSizes
from tests.models.asr.ancat.test_network import tiny_ancat
from tests.models.asr.tiny import SMALL, tiny_checkpoint, tiny_whisper
from tests.models.generation import tiny

# Blocks, kernel, stride, expansion, channels; as in the whole network a cell is 32 pixels.
STAGES = ((1, 3, 2, 1, 8), (1, 5, 2, 2, 8), (2, 3, 2, 2, 8), (1, 3, 2, 2, 16))
SIZES = SsdSizes(
    residuals=((1, 8, 2), (2, 8, 2), (2, 8, 2), (2, 8, 1), (2, 16, 2)),
    tap=4,
    last=32,
    extras=((8, 16),) * 4,
)
DECODER = DecoderConfig(
    vocabulary=99,
    width=64,
    layers=2,
    heads=4,
    key_heads=2,
    head_width=16,
    inner_width=96,
    theta=1e4,
)
SINKS, SLOTS = 4, 64
DIT_SIZE = DitSize(height=tiny.SIZE, width=tiny.SIZE, reach=Reach(sink=1, window=2))


def shaken(module: nn.Module) -> nn.Module:
    """Return `module` with batch normalization as after training."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.load_state_dict(
                {
                    **part.state_dict(),
                    "running_mean": 0.3 * torch.randn(part.num_features),
                    "running_var": 0.5 + torch.rand(part.num_features),
                }
            )
    return module.requires_grad_(False)


def decoder_network(config: DecoderConfig = DECODER, slots: int = SLOTS) -> DecoderNetwork:
    """Return a decoder of dense matrices, with a cache of a fixed size."""
    head, sizes = config.head_width, CacheSizes(SINKS, slots)

    def layer() -> LayerParts:
        asked = (config.heads + 2 * config.key_heads) * head
        return LayerParts(
            attention_norm=torch.ones(config.width),
            asking=nn.Linear(config.width, asked, bias=False),
            out=nn.Linear(config.heads * head, config.width, bias=False),
            inner_norm=torch.ones(config.width),
            feeding=nn.Linear(config.width, 2 * config.inner_width, bias=False),
            down=nn.Linear(config.inner_width, config.width, bias=False),
        )

    return DecoderNetwork(
        decoder_spec(config, sizes, name="smollm2"),
        config,
        [layer() for _ in range(config.layers)],
        torch.ones(config.width),
        nn.Linear(config.width, config.vocabulary, bias=False),
        sinks=SINKS,
    )


def classifier() -> EfficientNet:
    model = EfficientNet(STAGES)
    shaken(model)
    return model


def detector() -> SsdLite:
    model = SsdLite(SIZES)
    shaken(model)
    return model


class DetectorLevels(nn.Module):
    """A convolution for each output of NanoDet."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.ModuleList(nn.Conv2d(3, KINDS, each, each) for each in STRIDES)
        self.sides = nn.ModuleList(nn.Conv2d(3, 4 * BINS, each, each) for each in STRIDES)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        scores = [part(images).sigmoid() for part in self.scores]
        return (*scores, *(part(images) for part in self.sides))


def object_detector() -> NanoDet:
    return NanoDet(DetectorLevels()).eval().requires_grad_(False)


# Each call makes new weights, the same after `torch.manual_seed(0)`.
BUILDS: dict[str, Callable[[], ExportableNetwork]] = {
    "whisper-encoder": lambda: WhisperEncoderNetwork(tiny_whisper()),
    "whisper-decoder": lambda: WhisperDecoderNetwork(
        tiny_whisper(), tiny_checkpoint(SMALL).heads()
    ),
    "whisper-causal-encoder": lambda: CausalEncoderNetwork(tiny_whisper()),
    "ancat-encoder": lambda: AncatEncoderNetwork(tiny_ancat(frozen=1).float()),
    "ancat-predictor": lambda: PredictorNetwork(tiny_ancat().float().transducer),
    "ancat-joiner": lambda: JoinerNetwork(tiny_ancat().float().transducer),
    "classifier": lambda: ClassifierNetwork(classifier()),
    "activation-maps": lambda: ActivationMapNetwork(classifier()),
    "person-detector": lambda: PersonDetectorNetwork(detector()),
    "object-detector": lambda: ObjectDetectorNetwork(object_detector()),
    "smollm2": decoder_network,
    "drawing-denoising": lambda: DenoisingNetwork(deepcopy(tiny.dit()), DIT_SIZE),
    "drawing-text": lambda: TextNetwork(deepcopy(tiny.dit())),
    "drawing-encoder": lambda: EncodingNetwork(deepcopy(tiny.codec()), tiny.SIZE, tiny.SIZE),
    "drawing-decoder": lambda: DecodingNetwork(deepcopy(tiny.codec()), tiny.SIZE, tiny.SIZE),
    "drawing-enlarger": lambda: EnlargingNetwork(deepcopy(tiny.enlarger()), tiny.SIDE),
}

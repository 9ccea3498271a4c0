"""Video generation in `tests.bench.gpu`: each sampler of the models on Wan, with random weights.

A line has the pictures a second of a running stream (sampler and decoder, one after the other), the
milliseconds of a chunk in the sampler, and the control's delay: from a new prompt to its first
picture, if no chunk is under way (the text encoder, the chunk with what it reads anew, and the
decoding of its first latent) and as the mean if there is (half a chunk later). Beside it stands
what the authors publish, on an H100 if nothing else is said.

The networks run as they are (`eager`), with their layers compiled (`compiled`), and the compiled
calls as CUDA graphs (`graph`), which keep the keys and values of the past where they are.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from models.engine import Engine, EngineLoader, EngineState, NetworkSource, load_in_torch
from models.generation.backbone import Backbone
from models.generation.control import ChunkControl
from models.generation.denoising_networks import DitSize, load_dit_engines
from models.generation.dit import Dit, DitConfig
from models.generation.prompt_encoder import EncodedPrompt
from models.generation.wan.model import create_sampler
from models.generation.wan.text_encoder import MAX_TOKENS, UmT5Config, UmT5Encoder
from models.generation.wan.vae import VaeConfig, WanVae
from models.generation.wan.variants import VARIANTS, WanVariant, base_of
from trt_engines.acceptance.cuda_graphs import captured_in_torch

PUBLISHED = {
    "rolling-forcing": "16 (GPU not named)",
    "self-forcing": "17",
    "longlive": "20.7",
    "longlive-2": "24.8 (GPU not named)",
}  # pictures a second; MotionStream, whose weights are not public: 29

Timer = Callable[[Callable[[], object]], float]  # the seconds of a call
Maker = Callable[[Callable[[], Any]], Any]  # makes a module on the device


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawingShapes:
    """A base: sizes of its networks, and pixels."""

    dit: DitConfig
    vae: VaeConfig
    text: UmT5Config
    width: int
    height: int


class CapturedEngine:
    """Runs a network as CUDA graphs, one for each set of shapes, in a stream that is alone.

    The past is read where it was at the capture; what is elsewhere is copied there.
    """

    backend = "torch"

    def __init__(self, source: NetworkSource) -> None:
        self.spec = source.spec
        self._network = source.build()
        self._captured: dict[object, tuple[dict[str, Tensor], Callable[[], dict[str, Tensor]]]] = {}

    def new_state(self, **dimensions: int) -> EngineState:
        raise NotImplementedError("these networks have no state")

    def run(
        self, inputs: Mapping[str, Tensor], state: EngineState | None = None
    ) -> dict[str, Tensor]:
        key = tuple(tuple(inputs[each.name].shape) for each in self.spec.inputs)
        if key not in self._captured:
            kept = {
                name: tensor if name.startswith("past_") else tensor.clone()
                for name, tensor in inputs.items()
            }
            self._captured[key] = kept, captured_in_torch(self._network, kept, EngineState())
        kept, replay = self._captured[key]
        for name, tensor in inputs.items():
            if tensor.data_ptr() != kept[name].data_ptr():
                kept[name].copy_(tensor)
        return {name: tensor.clone() for name, tensor in replay().items()}


def captured(source: NetworkSource) -> Engine:
    """Return the engine that runs calls of the transformer as graphs, and texts as they are."""
    return (
        CapturedEngine(source) if source.spec.name == "drawing-denoising" else load_in_torch(source)
    )


def ways(model: Dit) -> Iterator[tuple[str, EngineLoader]]:
    """Yield the ways to run `model`, each with its loader; its layers are compiled meanwhile.

    Layers are alike, so what is compiled for one serves all.
    """
    yield "eager", load_in_torch
    if model.head.head.weight.device.type != "cuda":
        return
    for layer in model.blocks:
        layer.compile(dynamic=False)
    yield "compiled", load_in_torch
    yield "graph", captured


def measure_drawing(base: str, shapes: DrawingShapes, made: Maker, seconds: Timer) -> Iterator[str]:
    """Yield the lines of each set of weights on `base`."""
    model, vae = made(lambda: Dit(shapes.dit)), made(lambda: WanVae(shapes.vae))
    words = torch.ones(MAX_TOKENS, dtype=torch.int64, device=model.head.head.weight.device)
    encode = seconds(partial(made(lambda: UmT5Encoder(shapes.text)), words))
    decode = seconds(decoding(vae, shapes))
    yield f"draw  {base}: text {1000 * encode:.1f} ms, a latent to pictures {1000 * decode:.1f} ms"
    for way, load_engine in ways(model):
        for name in (name for name in VARIANTS if base_of(name) == base):
            backbone = sized(model, shapes, VARIANTS[name], load_engine)
            chunk, switch = stepping(backbone, VARIANTS[name], seconds)
            yield line(name, way, chunk, encode + switch, decode)
            del backbone
    if words.device.type == "cuda":
        compiled = seconds(decoding(vae, shapes, torch.compile(vae.decode, dynamic=False)))
        yield f"draw  {base}: a latent to pictures, compiled {1000 * compiled:.1f} ms"


def sized(
    model: Dit, shapes: DrawingShapes, variant: WanVariant, load_engine: EngineLoader
) -> Backbone:
    side = shapes.vae.side
    size = DitSize(
        height=shapes.height // side,
        width=shapes.width // side,
        reach=variant.reach,
        chunk=variant.chunk,
    )
    engines = load_dit_engines(
        model.config,
        size,
        lambda: model,
        load_engine=load_engine,
        device=model.head.head.weight.device,
        dtype=model.dtype,
    )
    return Backbone(engines, variant.reach)


def decoding(
    vae: WanVae, shapes: DrawingShapes, decode: Callable[..., Any] | None = None
) -> Callable[[], object]:
    """Return what decodes a latent in the middle of a stream, with `decode` if it is given."""
    side = shapes.vae.side
    latent = torch.zeros(1, shapes.vae.channels, 1, shapes.height // side, shapes.width // side)
    latent = latent.to(next(vae.parameters()).device)
    _, before = vae.decode(latent)
    _, before = vae.decode(latent, before)
    return partial(decode or vae.decode, latent, before)


def stepping(backbone: Backbone, variant: WanVariant, seconds: Timer) -> tuple[float, float]:
    """Return the seconds of a chunk in a stream whose context is full, and with a new prompt."""
    features = torch.randn(MAX_TOKENS, backbone.config.text)
    one, two = (
        ChunkControl(EncodedPrompt(scale * features, torch.zeros(MAX_TOKENS))) for scale in (1, 2)
    )
    sampler: Any = create_sampler(variant, backbone)
    state = sampler.init_state()
    flying = len(variant.levels) if variant.rolling else 0
    for _ in range(backbone.reach.latents // backbone.chunk + flying + 1):
        state, _ = sampler.step(state, one)
    chunk = seconds(lambda: sampler.step(state, one))
    return chunk, seconds(lambda: sampler.step(state, two))


def line(name: str, way: str, chunk: float, switch: float, decode: float) -> str:
    latents = VARIANTS[name].chunk
    rate = 4 * latents / (chunk + latents * decode)
    least = switch + decode
    mean = least + (chunk + latents * decode) / 2
    beside = f"; published {PUBLISHED[name]}" if name in PUBLISHED else ""
    return (
        f"draw  {name:20} {way:8}: {rate:6.1f} pictures/s, chunk of {latents} {1000 * chunk:7.1f} "
        f"ms, control {1000 * least:6.0f} to {1000 * mean:6.0f} ms{beside}"
    )

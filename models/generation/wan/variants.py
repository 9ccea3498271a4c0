"""The sets of weights on Wan, as data: their files, and how each is sampled.

The numbers are those of the configurations that are published with the weights.

Sources: Liu et al. 2025 (Rolling Forcing); Huang et al. 2025 (Self Forcing); Yang et al. 2025
(LongLive); Zhu et al. 2026 (Causal Forcing); Zhao et al. 2026 (Causal Forcing++); Chen et al. 2026
(LongLive 2.0).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from models.generation.context import Reach
from models.generation.samplers.unipc import unipc_levels
from models.generation.schedules import shift_level
from models.weights.hub_catalog import VIDEO_GENERATORS

SHIFT = 5.0  # of noise levels
FOUR_STEPS = (1000, 750, 500, 250)
SCENE = "The scene transitions. "  # begins a prompt of LongLive 2.0 that begins a scene


@dataclass(frozen=True, slots=True, kw_only=True)
class WanBase:
    """A model of Wan's that weights are trained on: its autoencoder, and the size it draws."""

    vae: str
    channels: int
    width: int
    height: int
    rate: int  # frames a second


BASES: Mapping[str, WanBase] = {  # by their names in the catalog of the hub
    "wan2.1": WanBase(vae="Wan2.1_VAE.pth", channels=16, width=832, height=480, rate=16),
    "wan2.2": WanBase(vae="Wan2.2_VAE.pth", channels=48, width=1280, height=704, rate=24),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WanVariant:
    """A set of weights: its file, their keys, and how it is sampled.

    `time_steps` are the steps of Wan's 1000 that a chunk of `chunk` latents takes, and
    `first_steps` those of a stream's first chunk if they are others; with `unipc_steps` it takes as
    many steps of UniPC instead. The weights are under the first of `keys` that `file` has; `lora`
    is merged with `alpha`. `recache`: a new prompt is read into the window. `scenes`: a prompt can
    begin a new scene.
    """

    file: str
    keys: tuple[str, ...]
    reach: Reach
    time_steps: tuple[int, ...] = ()
    first_steps: tuple[int, ...] = ()
    unipc_steps: int = 0
    chunk: int = 3
    rolling: bool = False
    lora: str | None = None
    alpha: float = 256.0
    recache: bool = True
    scenes: bool = False

    @property
    def levels(self) -> tuple[float, ...]:
        """The noise levels of the steps."""
        if self.unipc_steps:
            return unipc_levels(self.unipc_steps, SHIFT)
        return shifted(self.time_steps)

    @property
    def first_levels(self) -> tuple[float, ...]:
        """Those of a stream's first chunk, if they are others."""
        return shifted(self.first_steps)


def shifted(time_steps: tuple[int, ...]) -> tuple[float, ...]:
    """Return the noise levels of Wan's time steps."""
    return tuple(shift_level(time / 1000, SHIFT) for time in time_steps)


AVERAGED = ("generator_ema", "generator")

VARIANTS: Mapping[str, WanVariant] = {
    "rolling-forcing": WanVariant(
        file="checkpoints/rolling_forcing_dmd.pt",
        keys=AVERAGED,
        time_steps=(1000, 800, 600, 400, 200),
        reach=Reach(sink=3, window=18, span=21),
        rolling=True,
    ),
    "self-forcing": WanVariant(
        file="checkpoints/self_forcing_dmd.pt",
        keys=AVERAGED,
        time_steps=FOUR_STEPS,
        reach=Reach(sink=0, window=18),
    ),
    "longlive": WanVariant(
        file="models/longlive_base.pt",
        keys=("generator", "model", "generator_ema"),
        time_steps=FOUR_STEPS,
        reach=Reach(sink=3, window=6),
        lora="models/lora.pt",
    ),
    "causal-forcing": WanVariant(
        file="chunkwise/causal_forcing.pt",
        keys=("generator", "generator_ema"),
        time_steps=FOUR_STEPS,
        reach=Reach(sink=0, window=18),
    ),
    "causal-forcing-2step": WanVariant(
        file="causal-forcing++/framewise-2step.pt",
        keys=AVERAGED,
        time_steps=(1000, 500),
        first_steps=FOUR_STEPS,
        chunk=1,
        reach=Reach(sink=0, window=20),
    ),
    "causal-forcing-1step": WanVariant(
        file="causal-forcing++/framewise-1step.pt",
        keys=AVERAGED,
        time_steps=(1000,),
        first_steps=FOUR_STEPS,
        chunk=1,
        reach=Reach(sink=0, window=20),
    ),
    "longlive-2": WanVariant(
        file="model_bf16.pt",
        keys=("generator", "model", "generator_ema"),
        unipc_steps=4,
        chunk=8,
        reach=Reach(sink=8, window=16),
        recache=False,
        scenes=True,
    ),
}


def base_of(name: str) -> str:
    """Return the name of the base of the weights `name`."""
    return VIDEO_GENERATORS[name].base

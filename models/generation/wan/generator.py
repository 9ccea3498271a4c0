"""Pictures of a live session by Wan2.1 on a GPU: any words, no tracks.

One loaded model, a state for each session; each set of weights draws by the sampler and the steps
that it was made for. A stream's first latent is one picture, so its first chunk has 9 for 12.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.generation.chunk_request import ChunkRequest, Parts, Pixels, StepRange
from models.generation.codec import FRAMES, Memory
from models.generation.control import Control
from models.generation.generator import Generator, State
from models.generation.prompt_encoder import Prompt, blend
from models.generation.samplers.motion_stream import MotionStream
from models.generation.small.generator import fit
from models.generation.wan.model import CHUNK, HEIGHT, RATE, WIDTH, Wan

ONE_LESS = FRAMES - 1  # pictures that a stream's first latent lacks


@dataclass(frozen=True, slots=True, eq=False)
class WanVideoState:
    """A session's video: its seed, what it needs of its past, the prompt as it was read last."""

    seed: int
    inner: State[Any]
    encoder: Memory | None = None
    parts: Parts = ()
    prompt: Prompt | None = None


class WanVideoGenerator:
    """Draws with a set of Wan's weights, called `name`; one thread at a time."""

    stand_in = False
    tracks = False
    chunk = CHUNK * FRAMES
    rate = float(RATE)
    things: tuple[str, ...] = ()
    backgrounds: tuple[str, ...] = ()

    def __init__(self, wan: Wan, name: str, *, width: int = WIDTH, height: int = HEIGHT) -> None:
        self._wan = wan
        self.size = (width, height)
        self.about = (
            f"video is drawn by Wan2.1 with the weights {name}, {width} x {height} pixels: any "
            "words, no tracks"
        )
        count = len(wan.method.levels)
        steps = StepRange(own=count, fewest=count, most=count, live=False)
        kind = "rolling-forcing" if wan.method.rolling else "motion-stream"
        self.samplers: Mapping[str, StepRange] = {kind: steps}

    def lag(self, name: str, steps: int) -> int:
        """Return 0: a prompt shows in the next chunk, and nothing follows tracks."""
        del name, steps
        return 0

    def prompt_notices(self, prompt: Parts) -> tuple[str, ...]:
        """Return nothing: there are no words that it passes over."""
        del prompt
        return ()

    def init_state(self, name: str, seed: int) -> WanVideoState:
        """Return a video that is not begun; `name` is the sampler, of which there is one."""
        del name
        return WanVideoState(seed, self._generator(seed, 1.0).init_state())

    def step(
        self, state: WanVideoState, wish: ChunkRequest
    ) -> tuple[WanVideoState, Sequence[Pixels]]:
        """Return the video after, and the pictures that became clear; the old state is spent."""
        prompt = state.prompt
        if prompt is None or state.parts != wish.prompt:
            prompt = blend([(self._wan.prompt(text), weight) for text, weight in wish.prompt])
        start, encoder = self._started(wish.start, state.encoder)
        strength = 1.0 if start is None else wish.strength
        if strength and self._wan.method.rolling:  # below its last level it would draw nothing
            strength = max(strength, min(self._wan.method.levels))
        control = Control(prompt, None, start, strength)
        inner, chunks = self._generator(state.seed, strength).step(state.inner, control)
        after = WanVideoState(state.seed, inner, encoder, wish.prompt, prompt)
        return after, [picture for chunk in chunks for picture in chunk]

    def _generator(self, seed: int, strength: float) -> Generator[Any]:
        """Return the sampler with the decoder; from pictures, all steps lie below `strength`."""
        width, height = self.size
        made: Any = self._wan.sampler(seed, width=width, height=height)
        if isinstance(made, MotionStream) and 0 < strength < 1:
            made = replace(made, levels=(1.0, *(strength * level for level in made.levels)))
        return Generator(made, self._wan.codec)

    def _started(
        self, pictures: Sequence[Pixels] | None, memory: Memory | None
    ) -> tuple[Tensor | None, Memory | None]:
        """Return the latents of a camera's pictures, and what the next ones need."""
        if pictures is None:
            return None, None
        new = pictures[ONE_LESS:] if memory is None else pictures
        fitted = np.stack([fit(picture, self.size) for picture in new])
        pixels = torch.from_numpy(fitted).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
        with torch.no_grad():
            latents, memory = self._wan.codec.encode(pixels, memory)
        return latents[0], memory

"""Wan's video generator for live sessions, on a GPU: any words, no tracks.

One loaded model, a state for each session; each set of weights has its own sampler and steps. A
stream's first latent is one frame, so its first chunk has three frames fewer than others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.generation.chunk_request import (
    ChunkRequest,
    Pixels,
    StepRange,
    WeightedPrompts,
)
from models.generation.codec.codec import FRAMES_PER_LATENT, FeatureCache
from models.generation.control import ChunkControl
from models.generation.generator import FrameGenerator, GeneratorState
from models.generation.own_look import OwnLooks
from models.generation.prompt_encoder import EncodedPrompt, blend
from models.generation.samplers.motion_stream import MotionStream
from models.generation.small.generator import fit
from models.generation.small.prompts.vocabulary import Vocabulary
from models.generation.wan.model import WanDecoder, WanModel

MISSING_FRAMES = FRAMES_PER_LATENT - 1  # that a stream's first latent does not have


@dataclass(frozen=True, slots=True, eq=False)
class WanVideoState:
    """A session's video: its seed, the states of sampler and encoder, the last prompt.

    `asked` are the texts of the session, `texts` those that the last chunk was drawn from.
    """

    seed: int
    stream: GeneratorState[Any]
    encoder: FeatureCache | None = None
    asked: WeightedPrompts = ()
    texts: WeightedPrompts = ()
    prompt: EncodedPrompt | None = None


class WanVideoGenerator:
    """Generates frames with the weights `name`; use it from one thread at a time."""

    stand_in = False
    tracks = False
    takes_looks = False
    vocabulary: Vocabulary | None = None

    def __init__(
        self, model: WanModel, name: str, *, width: int | None = None, height: int | None = None
    ) -> None:
        width, height = width or model.base.width, height or model.base.height
        self._model = model
        self.chunk = model.variant.chunk * FRAMES_PER_LATENT
        self.rate = float(model.base.rate)
        self._sampler: Any = model.sampler(width=width, height=height)
        self.size = (width, height)
        self.about = (
            f"video is drawn by Wan with the weights {name}, {width} x {height} pixels: any words, "
            "no tracks"
        )
        count = len(model.variant.levels)
        steps = StepRange(default=count, minimum=count, maximum=count, adjustable=False)
        kind = "rolling-forcing" if model.variant.rolling else "motion-stream"
        self.samplers: Mapping[str, StepRange] = {kind: steps}

    def lag(self, name: str, steps: int) -> int:
        """Return 0: a prompt shows in the next chunk, and nothing follows tracks."""
        del name, steps
        return 0

    def refusal(self, prompt: WeightedPrompts, looks: OwnLooks = ()) -> str:
        """Return nothing: it draws anything."""
        del prompt, looks
        return ""

    def prompt_notices(self, prompt: WeightedPrompts, looks: OwnLooks = ()) -> tuple[str, ...]:
        """Return nothing: it reads all words."""
        del prompt, looks
        return ()

    def init_state(self, name: str, seed: int) -> WanVideoState:
        """Return the state of a new video; `name` is the only sampler."""
        del name
        return WanVideoState(seed, self._generator(seed, 1.0).init_state())

    def step(
        self, state: WanVideoState, request: ChunkRequest
    ) -> tuple[WanVideoState, Sequence[Pixels]]:
        """Return the new state, and the finished frames; `state` becomes invalid."""
        prompt, texts, cut = self._prompt(state, request.prompt)
        start, encoder = self._encode_start(request.start, state.encoder)
        strength = 1.0 if start is None else request.strength
        if (
            strength and self._model.variant.rolling
        ):  # below its last level it would generate nothing
            strength = max(strength, min(self._model.variant.levels))
        control = ChunkControl(prompt, None, start, strength, cut)
        stream, chunks = self._generator(state.seed, strength).step(state.stream, control)
        after = WanVideoState(state.seed, stream, encoder, request.prompt, texts, prompt)
        return after, [frame for chunk in chunks for frame in chunk]

    def _prompt(
        self, state: WanVideoState, asked: WeightedPrompts
    ) -> tuple[EncodedPrompt, WeightedPrompts, bool]:
        """Return the prompt of the next chunk, its texts, and whether a scene is cut with it."""
        begins = bool(state.asked) and state.asked != asked
        shown = [self._model.shows(text, begins=begins) for text, _ in asked]
        texts = tuple((text, weight) for (text, _), (_, weight) in zip(shown, asked, strict=True))
        cut = any(cut for _, cut in shown)
        if state.prompt is not None and state.texts == texts:
            return state.prompt, texts, cut
        made = blend([(self._model.prompt(text), weight) for text, weight in texts])
        return made, texts, cut

    def _generator(self, seed: int, strength: float) -> FrameGenerator[Any]:
        """Return the sampler with the decoder; start frames keep steps below `strength`."""
        made = replace(self._sampler, seed=seed)
        if isinstance(made, MotionStream) and 0 < strength < 1:
            lower = tuple(
                (1.0, *(strength * level for level in levels))
                for levels in (made.levels, made.first_levels or made.levels)
            )
            made = replace(made, levels=lower[0], first_levels=lower[1])
        return FrameGenerator(made, WanDecoder(self._model.codec))

    def _encode_start(
        self, frames: Sequence[Pixels] | None, memory: FeatureCache | None
    ) -> tuple[Tensor | None, FeatureCache | None]:
        """Return the latents of camera frames, and the encoder's cache."""
        if frames is None:
            return None, None
        new = frames[MISSING_FRAMES:] if memory is None else frames
        fitted = np.stack([fit(frame, self.size) for frame in new])
        pixels = torch.from_numpy(fitted).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
        with torch.no_grad():
            latents, memory = self._model.codec.encode(pixels, memory)
        return latents[0], memory

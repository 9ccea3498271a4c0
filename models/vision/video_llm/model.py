"""A Video-LLM of any family: pictures to frames of a memory, questions to prompts."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

from models.language.decoder import Decoder
from models.language.tokenizer import ChatTokenizer
from models.memory.positions import LinearPositions, VideoPositions
from models.memory.prefill import Frame
from models.vision.video_llm.chat_template import ChatTemplate, Turns
from models.vision.video_llm.frame_networks import FrameEncoder


def linear_positions(interval: float) -> VideoPositions:
    """Return the positions of a family that counts tokens."""
    del interval
    return LinearPositions()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class VideoLlm:
    """The parts of a model.

    `frames` makes vectors of the decoder's width for each token of a picture; more of them, side by
    side, are for the outputs of its first layers (see `Frame`). `positions` are those of a video
    with a frame every so many seconds. `located_in` are the width and height that boxes in its
    answers refer to, None if it was not trained to write any.
    """

    frames: FrameEncoder
    decoder: Decoder
    tokenizer: ChatTokenizer
    template: ChatTemplate
    positions: Callable[[float], VideoPositions] = linear_positions
    located_in: tuple[int, int] | None = None

    @property
    def opening(self) -> Tensor:
        """The tokens before the video, int64 (count,)."""
        return self.tokenizer.encode_template(self.template.opening)

    @property
    def frame_tokens(self) -> int:
        """The tokens of a frame and of the text around it, hours into a stream."""
        around = (self.template.label(99_999.9), self.template.frame_end)
        return self.frames.tokens + sum(len(self.tokenizer.encode_template(x)) for x in around)

    @torch.no_grad()
    def read_frame(self, pixels: Tensor, time: float) -> Frame:
        """Return the frame of a picture, uint8 (height, width, 3) RGB, seen at `time` in seconds.

        Raises:
            ValueError: the pixels are of another shape or type.
        """
        return self.frame_of(self.frames.encode_frames(pixels[None])[0], time)

    @torch.no_grad()
    def frame_of(self, encoded: Tensor, time: float) -> Frame:
        """Return the frame of what `frames` made of a picture."""
        before, after = (
            self.decoder.embed(self.tokenizer.encode_template(text))
            for text in (self.template.label(time), self.template.frame_end)
        )
        tokens, *added = torch.split(encoded, self.decoder.config.width, -1)
        deep = None
        if added:
            deep = F.pad(torch.stack(added), (0, 0, len(before), len(after)))
        return Frame(torch.cat([before, tokens, after]), time, time, deep)

    @torch.no_grad()
    def prompt(self, question: str, before: Turns = ()) -> Tensor:
        """Return everything after the video, as embeddings (count, width).

        `before` are earlier questions and answers.
        """
        return self.decoder.embed(self.template.encode(self.tokenizer, question, before))

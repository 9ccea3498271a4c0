"""What readers of all families share: the parts of a folder, put together."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from models.engine import EngineLoader, EngineSpec, ExportableNetwork, load_in_torch
from models.huggingface_files import fill, read_tensors, renamed
from models.language.decoder import Decoder, DecoderConfig
from models.language.huggingface import decoder_state
from models.language.tokenizer import ChatTokenizer, load_tokenizer
from models.memory.positions import VideoPositions
from models.vision.preprocessing import read_normalization
from models.vision.video_llm.chat_template import ChatTemplate
from models.vision.video_llm.frame_networks import FrameEncoder, load_frames
from models.vision.video_llm.model import VideoLlm, linear_positions


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder in the hub's format, and where its model runs.

    `frame_tensors` below is a pattern of the names of those tensors that make tokens of frames.
    """

    path: Path
    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    load_engine: EngineLoader = load_in_torch

    def tokenizer(self, template: ChatTemplate) -> ChatTokenizer:
        """Return the tokenizer.

        Raises:
            WeightsError: its file is missing or cannot be read.
        """
        return load_tokenizer(self.path / "tokenizer.json", device=self.device, end=template.end)

    def language_tensors(self, frame_tensors: str) -> dict[str, Tensor]:
        """Return the tensors of the language model, under their names in the files.

        Raises:
            WeightsError: a file is missing or cut short.
        """
        return read_tensors(self.path, device=self.device, dtype=self.dtype, without=frame_tensors)

    def assemble(
        self,
        sizes: DecoderConfig,
        tensors: Mapping[str, Tensor],
        spec: EngineSpec,
        build: Callable[[Mapping[str, Tensor]], ExportableNetwork],
        *,
        frame_tensors: str,
        template: ChatTemplate,
        tokenizer: ChatTokenizer,
        positions: Callable[[float], VideoPositions] = linear_positions,
        located_in: tuple[int, int] | None = None,
    ) -> VideoLlm:
        """Return the model; `build` makes the network of frames of the tensors that are its own.

        Raises:
            WeightsError: a tensor is missing, unknown, or of another shape.
            EngineError: an engine cannot be built or loaded.
        """

        def frame_network() -> ExportableNetwork:
            return build(read_tensors(self.path, dtype=self.dtype, only=frame_tensors))

        with torch.device("meta"):
            decoder = Decoder(sizes)
        engine = load_frames(self.path, spec, frame_network, self.load_engine)
        return VideoLlm(
            frames=FrameEncoder(engine, read_normalization(self.path), self.device),
            decoder=fill(decoder, decoder_state(tensors, sizes), f"the decoder of {self.path}"),
            tokenizer=tokenizer,
            template=template,
            positions=positions,
            located_in=located_in,
        )


def tensors_below(
    tensors: Mapping[str, Tensor], prefix: str, names: Sequence[tuple[str, str]] = ()
) -> dict[str, Tensor]:
    """Return the tensors whose names begin with the pattern `prefix`, without it, renamed."""
    below = {}
    for name, tensor in tensors.items():
        short, found = re.subn(f"^{prefix}", "", name)
        if found:
            below[renamed(short, names)] = tensor
    return below

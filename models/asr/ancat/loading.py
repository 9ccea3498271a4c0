"""Save and load trained ANCAT models.

A file holds float16 tensors without the frozen part, which comes from the packaged Whisper. In the
file that ships, matrices are int8 with a scale for each row.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from models.asr.ancat import letter_model
from models.asr.ancat.network import Ancat, AncatConfig, load_front
from models.asr.ancat.search import ShallowFusion
from models.asr.ancat.stream import AncatStream, AncatStreamConfig
from models.asr.whisper.loading import load_whisper
from models.asr.whisper.whisper import Whisper
from models.errors import WeightsError
from models.shipped import CHECKPOINTS

SHIPPED = CHECKPOINTS / "ancat.safetensors"
BEAM = 8  # of the shipped model
FROZEN_PREFIX = "front."  # of the names of frozen tensors
SCALE = ".scale"  # after the name of an int8 matrix: the scale of its rows

About = dict[str, str | int | float]


def trained_tensors(model: Ancat) -> dict[str, Tensor]:
    """Return the trained tensors of `model` by name, shared with it."""
    return {n: t for n, t in model.state_dict().items() if not n.startswith(FROZEN_PREFIX)}


def save_ancat(
    config: AncatConfig, tensors: Mapping[str, Tensor], file: Path, about: About
) -> None:
    """Write `tensors`, with `config` and `about` as metadata."""
    note = {"config": json.dumps(asdict(config)), "about": json.dumps(about)}
    halves = {name: tensor.half().contiguous() for name, tensor in tensors.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(halves, str(file), metadata=note)


def load_ancat(file: Path, weights: Path) -> tuple[Ancat, About]:
    """Return the model in `file`, for inference, and its metadata `about`.

    The packaged Whisper is fetched into the folder `weights` if it is missing.

    Raises:
        WeightsError: the file cannot be read, or is not of a model that can be built.
    """
    config, tensors, about = read_ancat(file)
    return build_ancat(config, tensors, load_whisper(config.whisper, weights).model, file), about


def load_shipped(weights: Path) -> AncatStream:
    """Return the shipped model as a stream, with shallow fusion of the letter model.

    Raises:
        WeightsError: a file is missing or is something else.
    """
    model, _ = load_ancat(SHIPPED, weights)
    fusion = ShallowFusion(letter_model=letter_model.load(letter_model.SHIPPED))
    return AncatStream(model, AncatStreamConfig(beam=BEAM), fusion)


def read_ancat(file: Path) -> tuple[AncatConfig, dict[str, Tensor], About]:
    """Return what `save_ancat` wrote.

    Raises:
        WeightsError: the file is something else.
    """
    try:
        with safetensors.safe_open(str(file), "pt") as opened:
            note = opened.metadata() or {}
            config = AncatConfig(**json.loads(note["config"]))
            about: About = json.loads(note["about"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (no mapping)
    except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{file}: not an ANCAT saved by this project ({error})") from error
    return config, _dequantize(tensors), about


def _dequantize(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return `tensors` with int8 matrices multiplied by the scales of their rows."""
    return {
        name: tensor * tensors[name + SCALE] if name + SCALE in tensors else tensor
        for name, tensor in tensors.items()
        if not name.endswith(SCALE)
    }


def build_ancat(
    config: AncatConfig, tensors: Mapping[str, Tensor], whisper: Whisper, file: Path
) -> Ancat:
    """Return the model of `tensors` and the frozen part of `whisper`, for inference.

    Raises:
        WeightsError: the tensors do not fit.
    """
    model = Ancat(config, whisper.config)
    load_front(model, whisper)
    own = trained_tensors(model)
    wrong = own.keys() ^ tensors.keys() or {n for n in own if own[n].shape != tensors[n].shape}
    if wrong:
        raise WeightsError(f"{file}: does not fit a model of {config}: {', '.join(sorted(wrong))}")
    for name, tensor in tensors.items():
        own[name].copy_(tensor)
    return model.eval().requires_grad_(False)

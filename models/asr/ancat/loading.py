"""Save and load trained ANCAT models.

A file holds float16 tensors without the frozen part, which comes from the packaged Whisper. In the
file that ships, matrices are int8 with a scale for each row.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from models.asr.ancat import letter_model
from models.asr.ancat.encoder import AncatEncoder
from models.asr.ancat.encoder_network import AncatEncoderNetwork, encoder_spec
from models.asr.ancat.network import Ancat, AncatConfig, load_front, transducer_config
from models.asr.ancat.search import ShallowFusion
from models.asr.ancat.stream import AncatStream, AncatStreamConfig
from models.asr.ancat.transducer_networks import (
    JoinerNetwork,
    PredictorNetwork,
    TransducerEngines,
    joiner_spec,
    predictor_spec,
)
from models.asr.whisper.loading import open_checkpoint
from models.asr.whisper.whisper import Whisper
from models.engine import (
    Engine,
    EngineLoader,
    EngineSpec,
    ExportableNetwork,
    NetworkSource,
    load_in_torch,
)
from models.errors import WeightsError
from models.shipped import CHECKPOINTS
from models.weights.checksums import weights_digest

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
    return build_ancat(
        config, tensors, open_checkpoint(config.whisper, weights).build(), file
    ), about


def load_shipped(weights: Path, load_engine: EngineLoader = load_in_torch) -> AncatStream:
    """Return the shipped model as a stream, with shallow fusion of the letter model.

    Raises:
        WeightsError: a file is missing or is something else.
        EngineError: an engine cannot be built or loaded.
    """
    config = read_config(SHIPPED)
    checkpoint = open_checkpoint(config.whisper, weights)
    whisper = checkpoint.config
    digest = weights_digest(SHIPPED, *checkpoint.files)

    def engine(
        spec: EngineSpec, build: Callable[[Path, Path], ExportableNetwork], *, int8: bool = False
    ) -> Engine:
        made = partial(build, SHIPPED, weights)
        return load_engine(NetworkSource(spec=spec, weights=digest, build=made, int8=int8))

    sizes = transducer_config(config, whisper)
    return AncatStream(
        AncatEncoder(engine(encoder_spec(config, whisper), _build_encoder, int8=True)),
        TransducerEngines(
            engine(predictor_spec(sizes), _build_predictor),
            engine(joiner_spec(sizes), _build_joiner),
        ),
        AncatStreamConfig(beam=BEAM),
        ShallowFusion(letter_model=letter_model.load(letter_model.SHIPPED)),
    )


def _build_encoder(file: Path, weights: Path) -> AncatEncoderNetwork:
    return AncatEncoderNetwork(load_ancat(file, weights)[0])


def _build_predictor(file: Path, weights: Path) -> PredictorNetwork:
    return PredictorNetwork(load_ancat(file, weights)[0].transducer)


def _build_joiner(file: Path, weights: Path) -> JoinerNetwork:
    return JoinerNetwork(load_ancat(file, weights)[0].transducer)


def read_config(file: Path) -> AncatConfig:
    """Return the sizes in a file that `save_ancat` wrote.

    Raises:
        WeightsError: the file is something else.
    """
    with _opened(file) as opened:
        return _config(opened)


def read_ancat(file: Path) -> tuple[AncatConfig, dict[str, Tensor], About]:
    """Return what `save_ancat` wrote.

    Raises:
        WeightsError: the file is something else.
    """
    with _opened(file) as opened:
        config = _config(opened)
        about: About = json.loads(opened.metadata()["about"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (no mapping)
    return config, _dequantize(tensors), about


@contextmanager
def _opened(file: Path) -> Iterator[Any]:  # safetensors has no annotations
    """Open a file that `save_ancat` wrote; what cannot be read in the block is a WeightsError."""
    try:
        with safetensors.safe_open(str(file), "pt") as opened:
            yield opened
    except (OSError, KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{file}: not an ANCAT saved by this project ({error})") from error


def _config(opened: Any) -> AncatConfig:
    return AncatConfig(**json.loads(opened.metadata()["config"]))


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

"""Predictor and joiner of the transducer as networks that are exported; rows are hypotheses.

The rows of one run may belong to hypotheses of several streams.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

from models.asr.ancat.transducer import BLANK, Transducer, TransducerConfig
from models.engine import (
    DimensionRange,
    Engine,
    EngineSpec,
    ExportableNetwork,
    TensorSpec,
    TorchEngine,
)

MAX_ROWS = 256
ROWS = {"rows": DimensionRange(1, 8, MAX_ROWS)}


def predictor_spec(config: TransducerConfig, dtype: torch.dtype = torch.float32) -> EngineSpec:
    """Return the tensors of the predictor: one more label for each row.

    `hidden` and `cell` are the state of its LSTM, `prediction` is what the joiner reads.
    """
    state = ("rows", config.width)
    return EngineSpec(
        name="ancat-predictor",
        inputs=(
            TensorSpec("labels", torch.int64, ("rows",)),
            TensorSpec("hidden", dtype, state),
            TensorSpec("cell", dtype, state),
        ),
        outputs=(
            TensorSpec("prediction", dtype, state),
            TensorSpec("hidden_now", dtype, state),
            TensorSpec("cell_now", dtype, state),
        ),
        profiles=(ROWS,),
    )


def joiner_spec(config: TransducerConfig, dtype: torch.dtype = torch.float32) -> EngineSpec:
    """Return the tensors of the joiner: log-probabilities of all units after each row's text.

    `encoded` are frames of the encoder, `prediction` is from the predictor.
    """
    return EngineSpec(
        name="ancat-joiner",
        inputs=(
            TensorSpec("encoded", dtype, ("rows", config.encoder_width)),
            TensorSpec("prediction", dtype, ("rows", config.width)),
        ),
        outputs=(TensorSpec("log_probs", dtype, ("rows", config.units)),),
        profiles=(ROWS,),
    )


class PredictorNetwork(ExportableNetwork):
    """Appends labels, see `predictor_spec`."""

    def __init__(self, model: Transducer) -> None:
        super().__init__()
        self.model = model
        self.spec = predictor_spec(model.config, model.out.weight.dtype)

    def forward(
        self, labels: Tensor, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        weights: list[Tensor] = list(self.model.predictor.parameters())
        from_input, from_hidden, input_bias, hidden_bias = weights
        gates = F.linear(self.model.embedding(labels), from_input, input_bias)
        gates = gates + F.linear(hidden, from_hidden, hidden_bias)
        enter, keep, new, show = gates.chunk(4, 1)
        cell = keep.sigmoid() * cell + enter.sigmoid() * new.tanh()
        hidden = show.sigmoid() * cell.tanh()
        return self.model.from_written(hidden), hidden, cell


class JoinerNetwork(ExportableNetwork):
    """Scores units, see `joiner_spec`."""

    def __init__(self, model: Transducer) -> None:
        super().__init__()
        self.model = model
        self.spec = joiner_spec(model.config, model.out.weight.dtype)

    def forward(self, encoded: Tensor, prediction: Tensor) -> Tensor:
        scores = self.model.join(self.model.from_heard(encoded), prediction)
        return scores.log_softmax(1)


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The predictor's output, and its state (hidden and cell): each (rows, width)."""

    output: Tensor
    hidden: Tensor
    cell: Tensor

    def row(self, index: int) -> "Prediction":
        rows = slice(index, index + 1)
        return Prediction(self.output[rows], self.hidden[rows], self.cell[rows])


class TransducerEngines:
    """A transducer's predictor and joiner."""

    def __init__(self, predictor: Engine, joiner: Engine) -> None:
        self._predictor = predictor
        self._joiner = joiner

    def init_state(self) -> Prediction:
        """Return one row, before any label."""
        hidden = next(each for each in self._predictor.spec.inputs if each.name == "hidden")
        zeros = torch.zeros(hidden.size({"rows": 1}), dtype=hidden.dtype)
        start = torch.full((1,), BLANK)  # the blank also starts a text
        return self.predict(start, zeros, zeros)

    def predict(self, labels: Tensor, hidden: Tensor, cell: Tensor) -> Prediction:
        """Append one label to each row, int64 (rows,)."""
        made = self._predictor.run({"labels": labels, "hidden": hidden, "cell": cell})
        return Prediction(made["prediction"], made["hidden_now"], made["cell_now"])

    def log_probs(self, encoded: Tensor, prediction: Tensor) -> Tensor:
        """Return those of all units, (rows, units), at one frame (width,)."""
        frames = encoded.expand(len(prediction), -1)
        return self._joiner.run({"encoded": frames, "prediction": prediction})["log_probs"]


def transducer_in_torch(model: Transducer) -> TransducerEngines:
    """Return `model` itself as engines, for training and tests."""
    return TransducerEngines(
        TorchEngine(PredictorNetwork(model)), TorchEngine(JoinerNetwork(model))
    )

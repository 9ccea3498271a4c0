"""The classifier, its maps and the detectors: small variants in ONNX Runtime.

Weights and statistics of batch normalization are random; the images are noise.
"""

import pytest
import torch

from models.engine import Engine, ExportableNetwork, TorchEngine
from models.errors import EngineError
from models.vision.classifier import ActivationMapNetwork, ClassifierNetwork
from models.vision.object_detector import ObjectDetectorNetwork
from models.vision.person_detector import PersonDetectorNetwork
from tests.trt_engines.small_networks import classifier, detector, object_detector
from tests.trt_engines.stored import ExportedEngine, assert_compiles

pytestmark = pytest.mark.slow

BATCHES = (1, 3)


Pairs = dict[str, tuple[Engine, Engine]]  # the reference and the exported engine, by name


@pytest.fixture(scope="module")
def networks() -> tuple[ExportableNetwork, ...]:
    torch.manual_seed(0)
    shared = classifier()
    return (
        ClassifierNetwork(shared),
        ActivationMapNetwork(shared),
        PersonDetectorNetwork(detector()),
        ObjectDetectorNetwork(object_detector()),
    )


@pytest.fixture(scope="module")
def pairs(networks: tuple[ExportableNetwork, ...]) -> Pairs:
    return {
        network.spec.name: (TorchEngine(network), ExportedEngine(network)) for network in networks
    }


def images(batch: int, side: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(batch)
    return torch.rand(batch, 3, side, side, generator=rng) * 255


@pytest.mark.parametrize("batch", BATCHES)
def test_each_network_computes_the_same_in_onnx_runtime(pairs: Pairs, batch: int) -> None:
    inputs = {
        "classifier": {"images": images(batch, 224)},
        "activation-maps": {
            "features": torch.rand(batch, 1280, 7, 7),
            "classes": torch.arange(4 * batch).view(batch, 4) * 80,
        },
        "person-detector": {"images": images(batch, 300)},
        "object-detector": {"images": images(batch, 416)},
    }
    for name, (reference, engine) in pairs.items():
        wanted, found = reference.run(inputs[name]), engine.run(inputs[name])
        assert wanted.keys() == found.keys()
        for output, tensor in wanted.items():
            # float32, summed in another order
            torch.testing.assert_close(found[output], tensor, atol=1e-4, rtol=1e-4)


def test_an_image_gives_the_same_in_a_batch_as_alone(
    pairs: Pairs,
) -> None:
    for name, side in (("classifier", 224), ("person-detector", 300), ("object-detector", 416)):
        for engine in pairs[name]:
            together = engine.run({"images": images(3, side)})
            alone = engine.run({"images": images(3, side)[1:2]})
            for output, tensor in alone.items():
                torch.testing.assert_close(together[output][1:2], tensor, atol=1e-4, rtol=1e-4)


def test_a_larger_batch_than_the_engine_was_made_for_is_refused(
    pairs: Pairs,
) -> None:
    for engine in pairs["classifier"]:
        with pytest.raises(EngineError, match="a batch of 1 to 16, got 17"):
            engine.run({"images": torch.zeros(17, 3, 224, 224)})


def test_each_network_compiles_with_tensorrt_rtx(pairs: Pairs) -> None:
    for _, exported in pairs.values():
        assert_compiles(exported)

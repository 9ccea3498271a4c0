"""Tiny vision towers in ONNX Runtime, against transformers and against PyTorch."""

from copy import deepcopy

import pytest
import torch

from models.engine import Engine, EngineLoader, ExportableNetwork, NetworkSource, TorchEngine
from models.vision.preprocessing import Normalization
from models.vision.video_llm.assembly import ModelFolder
from models.vision.video_llm.frame_networks import FrameEncoder
from models.vision.video_llm.llava_onevision import read_llava_onevision
from models.vision.video_llm.qwen3_vl import read_qwen3_vl
from models.vision.video_llm.qwen25_vl import read_qwen25_vl
from models.vision.video_llm.smolvlm import read_smolvlm
from tests.models.vision.video_llm import checkpoints, test_qwen3_vl
from tests.models.vision.video_llm.test_llava_onevision import video
from tests.models.vision.video_llm.test_qwen25_vl import CELLS, COLUMNS, ROWS, pictures, seen
from tests.models.vision.video_llm.test_smolvlm import video as small
from tests.trt_engines.stored import ExportedEngine, assert_compiles

pytestmark = pytest.mark.slow

F32 = 1e-4  # float32 through three layers, in another order; tokens are around 1
IMAGES = {
    "llava-onevision-frames": video,
    "qwen2.5-vl-frames": pictures,
    "qwen3-vl-frames": test_qwen3_vl.pictures,
    "smolvlm-frames": small,
}
Exported = dict[str, tuple[FrameEncoder, torch.Tensor]]  # with the reference's tokens


def exporting(kept: list[ExportableNetwork]) -> EngineLoader:
    """Return a loader that exports; it puts the network itself into `kept`."""

    def load(source: NetworkSource) -> Engine:
        network = source.build()
        kept.append(network)
        return ExportedEngine(network)

    return load


@pytest.fixture(scope="module")
def kept() -> list[ExportableNetwork]:
    return []


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, kept: list[ExportableNetwork]) -> Exported:
    folder = tmp_path_factory.mktemp("onnx")
    llava, qwen, qwen3, smol = (folder / each for each in ("llava", "qwen", "qwen3", "smolvlm"))
    with torch.no_grad():
        llava_tokens = (
            checkpoints.llava_onevision(llava)
            .get_video_features(video(3)[None])
            .pooler_output[0, :-1]
        )
        (smol_tokens,) = checkpoints.smolvlm(smol).get_image_features(small(3)[None]).pooler_output
    qwen_tokens = seen(checkpoints.qwen25_vl(qwen), 3)
    qwen3_tokens = test_qwen3_vl.seen(checkpoints.qwen3_vl(qwen3), 3)
    load = exporting(kept)
    return {
        "llava-onevision-frames": (
            read_llava_onevision(ModelFolder(llava, load_engine=load)).frames,
            llava_tokens,
        ),
        "qwen2.5-vl-frames": (
            read_qwen25_vl(ModelFolder(qwen, load_engine=load), rows=ROWS, columns=COLUMNS).frames,
            qwen_tokens.view(3, CELLS, -1),
        ),
        "qwen3-vl-frames": (
            read_qwen3_vl(ModelFolder(qwen3, load_engine=load), rows=ROWS, columns=COLUMNS).frames,
            qwen3_tokens,
        ),
        "smolvlm-frames": (
            read_smolvlm(ModelFolder(smol, load_engine=load)).frames,
            smol_tokens,
        ),
    }


def test_exported_towers_make_the_tokens_of_the_reference(exported: Exported) -> None:
    for name, (frames, wanted) in exported.items():
        images = IMAGES[name](3)
        found = frames.encode_images(images)
        torch.testing.assert_close(found, wanted.view_as(found), atol=F32, rtol=F32)


def test_more_frames_than_fit_in_a_batch_are_encoded_in_parts(
    exported: Exported, kept: list[ExportableNetwork]
) -> None:
    frames, _ = exported["llava-onevision-frames"]
    pixels = torch.randint(0, 256, (19, 45, 45, 3), dtype=torch.uint8)
    wanted = FrameEncoder(TorchEngine(kept[0]), Normalization(), "cpu").encode_frames(pixels)
    found = frames.encode_frames(pixels)
    assert len(found) == 19
    torch.testing.assert_close(found, wanted, atol=F32, rtol=F32)


def test_towers_compile_with_tensorrt_rtx(
    exported: Exported, kept: list[ExportableNetwork]
) -> None:
    assert len(kept) == len(exported)
    rng = torch.Generator().manual_seed(0)
    for network in map(deepcopy, kept):
        # TensorRT-RTX 1.7 crashes if queries and values share a constant, as new weights do.
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.01 * torch.randn(parameter.shape, generator=rng))
        assert_compiles(network)

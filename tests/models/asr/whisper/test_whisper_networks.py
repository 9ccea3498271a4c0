import pytest

from tests.models.asr.tiny import TinyEngines
from tests.trt_engines.compiled import assert_compiles


@pytest.mark.slow
@pytest.mark.parametrize("name", ["encoder", "decoder", "causal"])
def test_each_network_compiles_with_tensorrt_rtx(
    name: str, tiny_whisper_in_onnx: TinyEngines
) -> None:
    spec = getattr(tiny_whisper_in_onnx, name).spec
    assert tiny_whisper_in_onnx.folder is not None
    assert_compiles(spec, tiny_whisper_in_onnx.folder / f"{spec.name}.onnx")

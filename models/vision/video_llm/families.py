"""The families of Video-LLMs, by the `model_type` in their config.json."""

from collections.abc import Callable

from models.errors import WeightsError
from models.huggingface_files import read_config
from models.vision.video_llm.assembly import ModelFolder
from models.vision.video_llm.llava_onevision import read_llava_onevision
from models.vision.video_llm.model import VideoLlm
from models.vision.video_llm.qwen3_vl import read_qwen3_vl
from models.vision.video_llm.qwen25_vl import read_qwen25_vl
from models.vision.video_llm.smolvlm import read_smolvlm

FAMILIES: dict[str, Callable[[ModelFolder], VideoLlm]] = {
    "llava_onevision": read_llava_onevision,
    "qwen2_5_vl": read_qwen25_vl,
    "qwen3_vl": read_qwen3_vl,
    "smolvlm": read_smolvlm,
}


def read_video_llm(source: ModelFolder) -> VideoLlm:
    """Return the model in a folder in the hub's format.

    Raises:
        WeightsError: a file is missing, cut short, or of an unsupported model.
        EngineError: an engine cannot be built or loaded.
    """
    kind = read_config(source.path).get("model_type")
    if kind not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise WeightsError(f"{source.path}: a model of type {kind!r}; give one of {known}")
    return FAMILIES[kind](source)

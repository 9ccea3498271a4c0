"""The packaged language model, run as the service runs it by default."""

from pathlib import Path

from models.assistant.scene.scene_entry import SYSTEM
from models.language import smollm2
from models.language.smollm2 import ChatModel, system_prompt
from web.config import read_settings
from web.loading.engines import stored_engines


def packed_chat(weights: Path) -> ChatModel:
    """Return the model in the folder `weights`."""
    with stored_engines(read_settings()) as load_engine:
        return smollm2.load_quantized(
            weights / "smollm2-135m",
            opening=system_prompt(SYSTEM),
            load_engine=load_engine,
        )

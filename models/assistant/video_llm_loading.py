"""Loading of video language models in the hub's format, as assistants."""

from dataclasses import replace
from pathlib import Path

import torch

from models.assistant.scene.perception import Perception
from models.assistant.video_llm_assistant import VideoLlmAssistant, VideoLlmConfig
from models.engine import EngineLoader, load_in_torch
from models.huggingface_files import read_config
from models.language.decoder_networks import CacheSizes
from models.language.engine_decoder import FRAME_CHUNK, layered_decoder
from models.language.head_set import read_head_set
from models.memory.kv_store.tiers import StoreBudget
from models.memory.rekv import RekvConfig
from models.memory.retrieved_context import SPARE_TOKENS
from models.vision.video_llm.assembly import ModelFolder
from models.vision.video_llm.families import read_video_llm

SLOT_STEP = 64  # slots of a cache of a fixed size are a multiple of it


def load(
    folder: Path,
    perception: Perception,
    config: VideoLlmConfig | None = None,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    budget: StoreBudget | None = None,
    load_engine: EngineLoader = load_in_torch,
    fixed_caches: bool = False,
) -> VideoLlmAssistant:
    """Return the model in `folder`, in the hub's format; config.json determines its type.

    If the folder has a set of attention heads, only heads that retrieve are stored. TensorRT needs
    `fixed_caches`.

    Raises:
        WeightsError: a file is missing, cut short, or of an unsupported model.
        EngineError: an engine cannot be built or loaded.
    """
    config = config or VideoLlmConfig()
    kind = str(read_config(folder).get("model_type"))
    model = read_video_llm(ModelFolder(folder, device, dtype, load_engine))
    heads = read_head_set(folder, model.decoder.config)
    config = replace(config, rekv=replace(config.rekv, heads=heads))
    opening = len(model.opening)
    slots = None
    if fixed_caches:
        slots = cache_slots(config.rekv, opening, model.frame_tokens, config.history)
    decoder = layered_decoder(
        model.decoder,
        load_engine,
        CacheSizes(opening, slots),
        name=f"{kind.replace('_', '-')}-layer",
        heads=heads,
    )
    return VideoLlmAssistant(
        model,
        perception,
        config,
        decoder=decoder,
        positions=model.positions(config.interval),
        budget=budget,
        name=folder.name,
    )


def cache_slots(config: RekvConfig, opening: int, frame: int, history: int) -> int:
    """Return the slots that a window and a question take, for frames of `frame` tokens.

    The conversation before a question has `history` tokens at most.
    """
    window = opening + config.window + 2 * FRAME_CHUNK
    question = 2 * opening + config.blocks * frame + history + SPARE_TOKENS
    return -(-max(window, question) // SLOT_STEP) * SLOT_STEP

"""Video-LLMs on a model hub, as data: where each lies, its licence, and how much it weighs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModel:
    """One model; `size` is about what is downloaded, the hub itself says it exactly.

    `licence` is what its card said when this list was made; what the hub says at the time of
    a download is shown beside it.
    """

    name: str
    repository: str
    kind: str  # model_type in its config.json
    summary: str
    licence: str
    size: int  # bytes


_ALL = (
    HubModel(
        name="llava-onevision-0.5b",
        repository="llava-hf/llava-onevision-qwen2-0.5b-ov-hf",
        kind="llava_onevision",
        summary="LLaVA-OneVision on Qwen2-0.5B: videos, runs on a CPU",
        licence="Apache-2.0",
        size=1_800_000_000,
    ),
    HubModel(
        name="llava-onevision-7b",
        repository="llava-hf/llava-onevision-qwen2-7b-ov-hf",
        kind="llava_onevision",
        summary="LLaVA-OneVision on Qwen2-7B: videos, for a GPU",
        licence="Apache-2.0",
        size=16_100_000_000,
    ),
    HubModel(
        name="qwen2.5-vl-3b",
        repository="Qwen/Qwen2.5-VL-3B-Instruct",
        kind="qwen2_5_vl",
        summary="Qwen2.5-VL 3B: videos with times, for a GPU",
        licence="Qwen Research License: not for commercial use",
        size=7_500_000_000,
    ),
    HubModel(
        name="qwen2.5-vl-7b",
        repository="Qwen/Qwen2.5-VL-7B-Instruct",
        kind="qwen2_5_vl",
        summary="Qwen2.5-VL 7B: videos with times, for a GPU",
        licence="Apache-2.0",
        size=16_600_000_000,
    ),
)
HUB_MODELS = {model.name: model for model in _ALL}

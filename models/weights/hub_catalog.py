"""Models on a hub, as data: repository, commit, licence and size of each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HubModel:
    """One model; `size` is about what is downloaded.

    `revision` is the commit to download, "main" if none is known yet. `licence` is that of the
    model's card when this list was made; the hub's answer is shown before a download. `base` is
    the entry with the other parts of a video generator.
    """

    name: str
    repository: str
    revision: str = "main"
    kind: str  # model_type in its config.json, or "wan" for parts of a video generator
    summary: str
    licence: str
    size: int  # bytes
    files: tuple[str, ...] = ()  # files to download; by default those of a Video-LLM
    base: str = ""

    @property
    def source(self) -> str:
        """Where it comes from, for errors."""
        return f"{self.repository} on the model hub: eyeline pull {self.name}"


_ALL = (
    HubModel(
        name="llava-onevision-0.5b",
        repository="llava-hf/llava-onevision-qwen2-0.5b-ov-hf",
        revision="74dd0bf867a4cda7950c17663794267c60cf4b40",
        kind="llava_onevision",
        summary="LLaVA-OneVision on Qwen2-0.5B: videos, runs on a CPU",
        licence="Apache-2.0",
        size=1_800_000_000,
    ),
    HubModel(
        name="llava-onevision-7b",
        repository="llava-hf/llava-onevision-qwen2-7b-ov-hf",
        revision="0d50680527681998e456c7b78950205bedd8a068",
        kind="llava_onevision",
        summary="LLaVA-OneVision on Qwen2-7B: videos, for a GPU",
        licence="Apache-2.0",
        size=16_100_000_000,
    ),
    HubModel(
        name="qwen2.5-vl-3b",
        repository="Qwen/Qwen2.5-VL-3B-Instruct",
        revision="66285546d2b821cf421d4f5eb2576359d3770cd3",
        kind="qwen2_5_vl",
        summary="Qwen2.5-VL 3B: videos with times, for a GPU",
        licence="Qwen Research License: not for commercial use",
        size=7_500_000_000,
    ),
    HubModel(
        name="qwen2.5-vl-7b",
        repository="Qwen/Qwen2.5-VL-7B-Instruct",
        revision="cc594898137f460bfe9f0759e9844b3ce807cfb5",
        kind="qwen2_5_vl",
        summary="Qwen2.5-VL 7B: videos with times, for a GPU",
        licence="Apache-2.0",
        size=16_600_000_000,
    ),
    HubModel(
        name="qwen3-vl-2b",
        repository="Qwen/Qwen3-VL-2B-Instruct",
        revision="89644892e4d85e24eaac8bacfd4f463576704203",
        kind="qwen3_vl",
        summary="Qwen3-VL 2B: videos with times, for a GPU",
        licence="Apache-2.0",
        size=4_300_000_000,
    ),
    HubModel(
        name="qwen3-vl-4b",
        repository="Qwen/Qwen3-VL-4B-Instruct",
        revision="ebb281ec70b05090aa6165b016eac8ec08e71b17",
        kind="qwen3_vl",
        summary="Qwen3-VL 4B: videos with times, for a GPU",
        licence="Apache-2.0",
        size=8_900_000_000,
    ),
    HubModel(
        name="smolvlm2-256m",
        repository="HuggingFaceTB/SmolVLM2-256M-Video-Instruct",
        revision="067788b187b95ebe7b2e040b3e4299e342e5b8fd",
        kind="smolvlm",
        summary="SmolVLM2 256M: videos with times, runs on a CPU",
        licence="Apache-2.0",
        size=1_000_000_000,
    ),
    HubModel(
        name="smolvlm2-500m",
        repository="HuggingFaceTB/SmolVLM2-500M-Video-Instruct",
        revision="7b375e1b73b11138ff12fe22c8f2822d8fe03467",
        kind="smolvlm",
        summary="SmolVLM2 500M: videos with times, runs on a CPU",
        licence="Apache-2.0",
        size=2_000_000_000,
    ),
    HubModel(
        name="wan2.1",
        repository="Wan-AI/Wan2.1-T2V-1.3B",
        revision="37ec512624d61f7aa208f7ea8140a131f93afc9a",
        kind="wan",
        summary="Wan2.1's text encoder and video autoencoder, for those below; for a GPU",
        licence="Apache-2.0",
        size=11_900_000_000,
        files=(
            "config.json",
            "google/umt5-xxl/tokenizer.json",
            "models_t5_umt5-xxl-enc-bf16.pth",
            "Wan2.1_VAE.pth",
        ),
    ),
    HubModel(
        name="rolling-forcing",
        repository="TencentARC/RollingForcing",
        kind="wan",
        summary="Rolling Forcing on Wan2.1: endless video from text, for a GPU",
        licence="MIT",
        size=5_700_000_000,
        files=("checkpoints/rolling_forcing_dmd.pt",),
        base="wan2.1",
    ),
    HubModel(
        name="self-forcing",
        repository="gdhe17/Self-Forcing",
        revision="2f8b779212da279d212c22a509b66ad6552f350e",
        kind="wan",
        summary="Self Forcing on Wan2.1: video from text, best up to 5 s, for a GPU",
        licence="CC-BY-NC-SA-4.0: not for commercial use",
        size=5_700_000_000,
        files=("checkpoints/self_forcing_dmd.pt",),
        base="wan2.1",
    ),
    HubModel(
        name="longlive",
        repository="Efficient-Large-Model/LongLive-1.3B",
        kind="wan",
        summary="LongLive on Wan2.1: minutes of video whose prompt may change, for a GPU",
        licence="see its card on the hub",
        size=7_000_000_000,
        files=("models/longlive_base.pt", "models/lora.pt"),
        base="wan2.1",
    ),
    HubModel(
        name="causal-forcing",
        repository="zhuhz22/Causal-Forcing",
        kind="wan",
        summary="Causal Forcing on Wan2.1, 4 steps for 3 latents: best up to 5 s, for a GPU",
        licence="Apache-2.0",
        size=5_700_000_000,
        files=("chunkwise/causal_forcing.pt",),
        base="wan2.1",
    ),
    HubModel(
        name="causal-forcing-2step",
        repository="zhuhz22/Causal-Forcing",
        kind="wan",
        summary="Causal Forcing++ on Wan2.1, 2 steps for each latent: best up to 5 s, for a GPU",
        licence="Apache-2.0",
        size=11_400_000_000,
        files=("causal-forcing++/framewise-2step.pt",),
        base="wan2.1",
    ),
    HubModel(
        name="causal-forcing-1step",
        repository="zhuhz22/Causal-Forcing",
        kind="wan",
        summary="Causal Forcing++ on Wan2.1, 1 step for each latent: best up to 5 s, for a GPU",
        licence="Apache-2.0",
        size=11_400_000_000,
        files=("causal-forcing++/framewise-1step.pt",),
        base="wan2.1",
    ),
    HubModel(
        name="wan2.2",
        repository="Wan-AI/Wan2.2-TI2V-5B",
        kind="wan",
        summary="Wan2.2's text encoder and video autoencoder, for LongLive 2.0; for a GPU",
        licence="Apache-2.0",
        size=14_200_000_000,
        files=(
            "config.json",
            "google/umt5-xxl/tokenizer.json",
            "models_t5_umt5-xxl-enc-bf16.pth",
            "Wan2.2_VAE.pth",
        ),
    ),
    HubModel(
        name="longlive-2",
        repository="Efficient-Large-Model/LongLive-2.0-5B",
        kind="wan",
        summary="LongLive 2.0 on Wan2.2 5B: video of several scenes, 1280 x 704, for a GPU",
        licence="see its card on the hub",
        size=10_000_000_000,
        files=("model_bf16.pt",),
        base="wan2.2",
    ),
)
HUB_MODELS = {model.name: model for model in _ALL}
VIDEO_LLMS = {model.name: model for model in _ALL if not model.files}
VIDEO_GENERATORS = {model.name: model for model in _ALL if model.base}

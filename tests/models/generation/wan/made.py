"""Tiny models of Wan's shape, and files of them laid out as their authors publish them."""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import Unigram
from torch import Tensor

from models.generation.dit import Dit, DitConfig
from models.generation.wan.text_encoder import UmT5Config, UmT5Encoder
from models.generation.wan.vae import VaeConfig, WanVae
from models.generation.wan.variants import BASES, VARIANTS, base_of
from models.weights.hub_catalog import HUB_MODELS, VIDEO_GENERATORS
from tests.models.generation.tiny import wake

HEADS, RANK = 2, 4
WORDS = ("▁a", "▁duck", "▁on", "▁grass", "▁", *"abcdefghijklmnopqrstuvwxyz")

State = dict[str, Tensor]


def dit(seed: int = 0, *, dim: int = 48, channels: int = 16) -> Dit:
    torch.manual_seed(seed)
    config = DitConfig(
        dim=dim,
        heads=HEADS,
        layers=2,
        ffn=64,
        channels=channels,
        condition=0,
        refine=0,
        text=24,
        frequencies=32,
        predicts="flow",
    )
    model = Dit(config)
    wake(model, seed)
    return model.eval().requires_grad_(False)


def text(seed: int = 1) -> UmT5Encoder:
    torch.manual_seed(seed)
    config = UmT5Config(
        vocabulary=len(WORDS) + 3, dim=24, attention=32, heads=4, ffn=40, layers=2, buckets=32
    )
    model = UmT5Encoder(config)
    wake(model, seed)
    return model.eval().requires_grad_(False)


def vae(seed: int = 2) -> WanVae:
    return _vae(
        VaeConfig(dim=8, decoder_dim=8, multiples=(1, 2, 2), blocks=1, temporal=(True, True)), seed
    )


def vae_48(seed: int = 2) -> WanVae:
    """Return one like Wan2.2's."""
    config = VaeConfig(
        dim=8,
        decoder_dim=12,
        multiples=(1, 2, 2),
        blocks=1,
        temporal=(True, True),
        channels=48,
        patch=2,
    )
    return _vae(config, seed)


def _vae(config: VaeConfig, seed: int) -> WanVae:
    torch.manual_seed(seed)
    model = WanVae(config)
    wake(model, seed, 0.05)
    return model.eval().requires_grad_(False)


def tokenizer() -> Tokenizer:
    """Return one like umT5's: pieces of words, numbers 0 to 2 for nothing, the end, the unknown."""
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0)]
    pieces = special + [(word, -2.0 - 6.0 * (len(word) == 1)) for word in WORDS]
    made = Tokenizer(Unigram(pieces, unk_id=2))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    return made


def lora(model: Dit, seed: int = 5) -> State:
    """Return low-rank changes of all linear layers in blocks, under the names of peft."""
    rng = torch.Generator().manual_seed(seed)
    changes = {}
    for name, weight in model.state_dict().items():
        if name.startswith("blocks.") and name.endswith("weight") and weight.ndim == 2:
            short = name.removesuffix(".weight")
            shapes = {"A": (RANK, weight.shape[1]), "B": (weight.shape[0], RANK)}
            for part, shape in shapes.items():
                key = f"base_model.model.{short}.lora_{part}.weight"
                changes[key] = 0.1 * torch.randn(shape, generator=rng)
    return changes


def wrapped(name: str) -> str:
    """Return the name that a tensor has where each block was wrapped for training in parts."""
    head, dot, rest = name.partition(".")
    if head == "blocks":
        number, _, rest = rest.partition(".")
        return f"model._fsdp_wrapped_module.blocks.{number}._fsdp_wrapped_module.{rest}"
    return f"model._fsdp_wrapped_module.{head}{dot}{rest}"


def renamed(state: State, name: Callable[[str], str]) -> State:
    return {name(key): value for key, value in state.items()}


def write(folder: Path) -> Path:
    """Write all models as `eyeline pull` leaves them in `folder`, and return it."""
    for base in BASES:
        for name in (base, *(name for name in VIDEO_GENERATORS if base_of(name) == base)):
            for file in HUB_MODELS[name].files:
                (folder / name / file).parent.mkdir(parents=True, exist_ok=True)
        config = {"num_heads": HEADS, "model_type": "t2v"}
        (folder / base / "config.json").write_text(json.dumps(config))
        tokenizer().save(str(folder / base / "google/umt5-xxl/tokenizer.json"))
        torch.save(text().state_dict(), folder / base / "models_t5_umt5-xxl-enc-bf16.pth")
    torch.save(vae().state_dict(), folder / "wan2.1/Wan2.1_VAE.pth")
    torch.save(vae_48().state_dict(), folder / "wan2.2/Wan2.2_VAE.pth")
    for name, content in _contents().items():
        torch.save(content, folder / name / VARIANTS[name].file)
    torch.save({"generator_lora": lora(dit()), "step": 3}, folder / "longlive/models/lora.pt")
    return folder


def _contents() -> dict[str, dict[str, State]]:
    """Return what the files of transformers hold."""
    good, early, large = (
        made.state_dict() for made in (dit(), dit(9), dit(channels=BASES["wan2.2"].channels))
    )
    plain, critic = (lambda key: f"model.{key}"), {"model.head.head.bias": torch.zeros(3)}
    both = {"generator": renamed(early, plain), "generator_ema": renamed(good, plain)}
    in_parts = {**both, "critic": critic, "generator_ema": renamed(good, wrapped)}
    return {
        "rolling-forcing": in_parts,
        "self-forcing": both,
        "longlive": {"generator": renamed(good, plain)},
        "causal-forcing": {
            "generator": renamed(good, plain),
            "generator_ema": renamed(early, wrapped),
        },
        "causal-forcing-2step": in_parts,
        "causal-forcing-1step": both,
        "longlive-2": {"generator": renamed(large, plain)},
    }

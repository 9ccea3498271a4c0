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
from models.weights.hub_catalog import HUB_MODELS
from tests.models.generation.tiny import wake

HEADS, RANK = 2, 4
WORDS = ("▁a", "▁duck", "▁on", "▁grass", "▁", *"abcdefghijklmnopqrstuvwxyz")
BASE = "wan2.1"

State = dict[str, Tensor]


def dit(seed: int = 0, *, dim: int = 48) -> Dit:
    torch.manual_seed(seed)
    config = DitConfig(
        dim=dim,
        heads=HEADS,
        layers=2,
        ffn=64,
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
    torch.manual_seed(seed)
    model = WanVae(VaeConfig(dim=8, multiples=(1, 2, 2), blocks=1, temporal=(True, True)))
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
    base = folder / BASE
    for name in ("rolling-forcing", "self-forcing", "longlive", BASE):
        for file in HUB_MODELS[name].files:
            (folder / name / file).parent.mkdir(parents=True, exist_ok=True)
    (base / "config.json").write_text(json.dumps({"num_heads": HEADS, "model_type": "t2v"}))
    tokenizer().save(str(base / "google/umt5-xxl/tokenizer.json"))
    torch.save(text().state_dict(), base / "models_t5_umt5-xxl-enc-bf16.pth")
    torch.save(vae().state_dict(), base / "Wan2.1_VAE.pth")
    good, early = dit().state_dict(), dit(9).state_dict()
    plain, critic = (lambda key: f"model.{key}"), {"model.head.head.bias": torch.zeros(3)}
    torch.save(
        {
            "generator": renamed(early, plain),
            "critic": critic,
            "generator_ema": renamed(good, wrapped),
        },
        folder / "rolling-forcing/checkpoints/rolling_forcing_dmd.pt",
    )
    torch.save(
        {"generator": renamed(early, plain), "generator_ema": renamed(good, plain)},
        folder / "self-forcing/checkpoints/self_forcing_dmd.pt",
    )
    torch.save({"generator": renamed(good, plain)}, folder / "longlive/models/longlive_base.pt")
    torch.save({"generator_lora": lora(dit()), "step": 3}, folder / "longlive/models/lora.pt")
    return folder

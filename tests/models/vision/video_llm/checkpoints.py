"""Tiny checkpoints with random weights, written by the reference implementation."""

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"),
    *("<end_of_utterance>", "<fake_token_around_image>", "<global-img>"),
)


def tokenizer(file: Path) -> None:
    """Write a tokenizer of bytes, with the special tokens of all families after them."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(list(SPECIAL))
    made.save(str(file))


def std(model: torch.nn.Module) -> None:
    """Make random weights large enough that every part of the model matters to its output."""
    for name, weight in model.named_parameters():
        rng = torch.Generator().manual_seed(len(name))
        noise = torch.randn(weight.shape, generator=rng)
        if weight.dim() == 1:
            weight.data = noise * 0.2 + (1.0 if "norm" in name and "bias" not in name else 0.0)
        else:
            weight.data = noise * 1.2 * weight[0].numel() ** -0.5


def text_sizes(**more: Any) -> dict[str, Any]:
    sizes = {
        "vocab_size": 300,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
        "bos_token_id": None,
        "eos_token_id": None,
    }
    return {**sizes, **more}


def llava_onevision(folder: Path, *, tied: bool = True, side: int = 45) -> Any:
    """Write a LLaVA-OneVision of 3 x 3 patches a frame, and return the reference model."""
    import transformers as reference

    vision = {
        "model_type": "siglip_vision_model",
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "image_size": side,
        "patch_size": 14,
    }
    config = reference.LlavaOnevisionConfig(
        vision_config=vision,
        text_config={"model_type": "qwen2", **text_sizes(tie_word_embeddings=tied)},
        image_token_index=298,
        video_token_index=299,
        tie_word_embeddings=tied,
    )
    return write(reference.LlavaOnevisionForConditionalGeneration(config), folder)


def qwen25_vl(folder: Path, *, tied: bool = False) -> Any:
    """Write a Qwen2.5-VL with windows of 2 x 2 cells, and return the reference model."""
    import transformers as reference

    vision = {
        "depth": 3,
        "hidden_size": 32,
        "intermediate_size": 40,
        "num_heads": 2,
        "out_hidden_size": 32,
        "window_size": 56,
        "fullatt_block_indexes": [1],
        "tokens_per_second": 2,
    }
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]}
    config = reference.Qwen2_5_VLConfig(
        vision_config=vision,
        text_config=text_sizes(rope_parameters=rope, tie_word_embeddings=tied),
        tie_word_embeddings=tied,
    )
    return write(reference.Qwen2_5_VLForConditionalGeneration(config), folder)


def qwen3_vl(folder: Path, *, tied: bool = False) -> Any:
    """Write a Qwen3-VL with two deep layers, and return the reference model."""
    import transformers as reference

    vision = {
        "depth": 4,
        "hidden_size": 32,
        "intermediate_size": 40,
        "num_heads": 2,
        "out_hidden_size": 32,
        "num_position_embeddings": 16,
        "deepstack_visual_indexes": [0, 2],
    }
    rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [2, 1, 1]}
    text = text_sizes(rope_parameters=rope, tie_word_embeddings=tied, head_dim=8)
    config = reference.Qwen3VLConfig(
        vision_config=vision,
        text_config=text,
        video_token_id=299,
        image_token_id=298,
        tie_word_embeddings=tied,
    )
    return write(reference.Qwen3VLForConditionalGeneration(config), folder)


def smolvlm(folder: Path, *, tied: bool = False, side: int = 56) -> Any:
    """Write a SmolVLM2 of 2 x 2 tokens a frame, and return the reference model."""
    import transformers as reference

    vision = {
        "hidden_size": 24,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "image_size": side,
        "patch_size": 14,
    }
    config = reference.SmolVLMConfig(
        vision_config=vision,
        text_config={"model_type": "llama", **text_sizes(pad_token_id=0)},
        scale_factor=2,
        image_token_id=299,
        tie_word_embeddings=tied,
    )
    return write(reference.SmolVLMForConditionalGeneration(config), folder)


def decoder(folder: Path, kind: str, **more: Any) -> Any:
    """Write a text model, "llama" or "qwen2", and return the reference model."""
    import transformers as reference

    config = reference.AutoConfig.for_model(kind, **text_sizes(**more))
    auto: Any = reference.AutoModelForCausalLM  # has no annotations
    return write(auto.from_config(config), folder)


def write(model: Any, folder: Path) -> Any:
    std(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the reference, about its own files
        model.eval().save_pretrained(folder)
    tokenizer(folder / "tokenizer.json")
    return model


def rename(folder: Path, *prefixes: tuple[str, str]) -> None:
    """Give the tensors other prefixes, the first that fits each."""
    file = folder / "model.safetensors"
    renamed = {}
    for name, tensor in load_file(file).items():
        ours = next((new + name[len(old) :] for old, new in prefixes if name.startswith(old)), name)
        renamed[ours] = tensor
    save_file(renamed, file)


def shard(folder: Path) -> None:
    """Split the weights into two files with an index."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    where = {}
    for part, chosen in enumerate((names[::2], names[1::2]), 1):
        file = f"model-{part:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in chosen}, folder / file)
        where.update(dict.fromkeys(chosen, file))
    index = {"metadata": {}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))

"""Weights written as llama.cpp's converter writes them, against transformers' Llama."""

from pathlib import Path

import pytest
import torch

from models.errors import WeightsError
from models.language.decoder import generate
from models.language.smollm2 import (
    FILE,
    LAYER,
    DenseChatModel,
    load,
    question_prompt,
    system_prompt,
)
from tests.models.language.quantized.quantized_file import TOKENS, Kind, metadata, write
from tests.models.packaged import folder

transformers = pytest.importorskip("transformers")

HEADS, KEY_HEADS, WIDTH, LAYERS = 6, 2, 48, 3


def llama() -> torch.nn.Module:
    config = transformers.LlamaConfig(
        vocab_size=len(TOKENS),
        hidden_size=WIDTH,
        intermediate_size=80,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KEY_HEADS,
        rope_parameters={"rope_type": "default", "rope_theta": 100_000.0},
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
    )
    torch.manual_seed(3)
    model: torch.nn.Module = transformers.LlamaForCausalLM(config)
    for weight in model.parameters():
        weight.data = torch.randn_like(weight) * 0.3 + (1.0 if weight.dim() == 1 else 0.0)
    return model.eval()


def neighbors(rows: torch.Tensor, heads: int) -> torch.Tensor:
    """Reorder rows as the converter does: the two halves of a head are interleaved."""
    paired = rows.reshape(heads, 2, -1, rows.shape[1])
    return paired.transpose(1, 2).reshape(rows.shape)


def saved(model: torch.nn.Module, folder: Path) -> None:
    theirs = {
        "attention_norm": "input_layernorm",
        "query": "self_attn.q_proj",
        "key": "self_attn.k_proj",
        "value": "self_attn.v_proj",
        "out": "self_attn.o_proj",
        "inner_norm": "post_attention_layernorm",
        "gate": "mlp.gate_proj",
        "up": "mlp.up_proj",
        "down": "mlp.down_proj",
    }
    state = model.state_dict()
    named = {
        "token_embd.weight": state["model.embed_tokens.weight"],
        "output_norm.weight": state["model.norm.weight"],
    }
    for index in range(LAYERS):
        for name, ours in LAYER.items():
            rows = state[f"model.layers.{index}.{theirs[ours]}.weight"]
            if name in ("attn_q", "attn_k"):
                rows = neighbors(rows, HEADS if name == "attn_q" else KEY_HEADS)
            named[f"blk.{index}.{name}.weight"] = rows
    tensors = {name: (rows.numpy(), Kind.F32) for name, rows in named.items()}
    sizes = metadata(layers=LAYERS, width=WIDTH, inner=80, heads=HEADS, key_heads=KEY_HEADS)
    write(folder / FILE, sizes, tensors)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[torch.nn.Module, DenseChatModel]:
    folder = tmp_path_factory.mktemp("smollm2")
    model = llama()
    saved(model, folder)
    return model, load(folder)


def test_scores_are_those_of_transformers(made: tuple[torch.nn.Module, DenseChatModel]) -> None:
    model, chat = made
    tokens = torch.tensor([1, 3, 5, 4, 6, 7, 2, 3, 3, 8])
    with torch.no_grad():
        theirs = model(tokens[None]).logits[0]
        ours = chat.decoder.scores(chat.decoder(chat.decoder.embed(tokens)))
    # float32 over three layers; weights of 0.3 make scores of some tens
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)
    assert float(theirs.std()) > 1


def test_greedy_answers_with_a_cache_are_those_of_transformers(
    made: tuple[torch.nn.Module, DenseChatModel],
) -> None:
    model, chat = made
    prompt = torch.tensor([1, 3, 5, 4])
    theirs = model.generate(  # type: ignore[operator]  # of the generation mix-in
        prompt[None],
        attention_mask=torch.ones(1, 4, dtype=torch.long),
        max_new_tokens=12,
        do_sample=False,
        pad_token_id=0,
        eos_token_id=None,
    )[0, 4:]
    decoder = chat.decoder
    ours = list(generate(decoder, decoder.embed(prompt), decoder.new_caches(4), max_tokens=12))
    assert ours == theirs.tolist()


def test_text_is_tokenised_by_the_merges_in_the_file(
    made: tuple[torch.nn.Module, DenseChatModel],
) -> None:
    _, chat = made
    assert chat.encode("<|im_start|>ab c\n<|im_end|>").tolist() == [1, 7, 6, 5, 8, 2]
    assert chat.decode([1, 7, 6, 5]) == "ab c"


def test_a_file_without_a_layer_is_named_in_the_error(
    made: tuple[torch.nn.Module, DenseChatModel], tmp_path: Path
) -> None:
    del made
    write(tmp_path / FILE, metadata(), {})
    with pytest.raises(WeightsError, match="not the weights of a Llama"):
        load(tmp_path)


@pytest.mark.slow
def test_the_real_model_knows_the_capital_of_france() -> None:
    chat = load(folder("smollm2-135m"))
    assert chat.encode("It is 12:40.").tolist() == chat.table.encode("It is 12:40.").ids
    assert len(chat.encode("1240")) == 4  # digits are one each
    prompt = chat.encode(
        system_prompt("You are helpful.") + question_prompt("What is the capital of France?")
    )
    decoder = chat.decoder
    tokens = generate(
        decoder, decoder.embed(prompt), decoder.new_caches(64), max_tokens=16, stop={chat.end}
    )
    assert "Paris" in chat.decode(list(tokens))

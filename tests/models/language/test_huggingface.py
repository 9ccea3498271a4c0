import json
from pathlib import Path
from typing import Any

import pytest
import torch

from models.errors import WeightsError
from models.huggingface_files import fill, read_config, read_tensors
from models.language.decoder import Decoder
from models.language.huggingface import decoder_state, read_decoder_config
from tests.models.vision.video_llm import checkpoints

TOKENS = torch.tensor([5, 280, 17, 17, 140, 3, 99, 222, 61])


def read_decoder(
    folder: Path, kind: str, *, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> Decoder:
    """Return the text model of `kind`, "llama" or "qwen2", in `folder`.

    Raises:
        WeightsError: a file is missing, cut short, or of another kind of model.
    """
    config = read_decoder_config(folder, read_config(folder, kind))
    tensors = read_tensors(folder, device=device, dtype=dtype)
    with torch.device("meta"):
        decoder = Decoder(config)
    return fill(decoder, decoder_state(tensors, config), f"a {kind} decoder")


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("qwen2", {"tie_word_embeddings": True}),
        ("qwen2", {"tie_word_embeddings": False, "rms_norm_eps": 1e-5}),
        ("llama", {"tie_word_embeddings": True, "num_key_value_heads": 1}),
        ("llama", {"attention_bias": False, "head_dim": 16}),
    ],
)
def test_a_decoder_gives_the_scores_of_the_reference(
    tmp_path: Path, kind: str, more: dict[str, Any]
) -> None:
    reference = checkpoints.decoder(tmp_path, kind, **more)
    model = read_decoder(tmp_path, kind)
    with torch.no_grad():
        expected = reference(input_ids=TOKENS[None]).logits[0]
        hidden = model(model.embed(TOKENS))
    # float32 sums in another order; scores are around 1
    torch.testing.assert_close(model.scores(hidden), expected, atol=4e-5, rtol=1e-4)
    assert expected.std() > 0.3


def test_reading_in_pieces_is_reading_at_once(tmp_path: Path) -> None:
    checkpoints.decoder(tmp_path, "qwen2")
    model = read_decoder(tmp_path, "qwen2", dtype=torch.float64)
    x = model.embed(TOKENS)
    caches = model.new_caches(2)
    parts = [model.read(x[low:high], caches) for low, high in ((0, 4), (4, 5), (5, 9))]
    torch.testing.assert_close(torch.cat(parts), model(x), atol=1e-13, rtol=1e-11)


def test_weights_in_shards_are_read_as_the_index_says(tmp_path: Path) -> None:
    checkpoints.decoder(tmp_path, "llama")
    whole = read_decoder(tmp_path, "llama").state_dict()
    checkpoints.shard(tmp_path)
    parts = read_decoder(tmp_path, "llama").state_dict()
    assert whole.keys() == parts.keys()
    assert all(torch.equal(tensor, parts[name]) for name, tensor in whole.items())
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"cannot be read .*00002-of-00002"):
        read_decoder(tmp_path, "llama")


def test_bad_folders_are_refused_with_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no readable config\.json"):
        read_decoder(tmp_path, "llama")
    checkpoints.decoder(tmp_path, "llama")
    with pytest.raises(WeightsError, match="holds a 'llama' model, not 'qwen2'"):
        read_decoder(tmp_path, "qwen2")
    weights = tmp_path / "model.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[:-100])
    with pytest.raises(WeightsError, match="fetch them again"):
        read_decoder(tmp_path, "llama")
    weights.unlink()
    with pytest.raises(WeightsError, match=r"holds no model\.safetensors"):
        read_decoder(tmp_path, "llama")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"hidden_act": "gelu"}, "cannot read a 'llama' decoder with 'gelu'"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1.0}}, "'yarn' positions"),
        ({"intermediate_size": 40}, "do not fit"),
        ({"num_hidden_layers": 4}, "do not fit"),
        ({"num_hidden_layers": None}, "no 'num_hidden_layers'"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, Any], match: str
) -> None:
    checkpoints.decoder(tmp_path, "llama")
    file = tmp_path / "config.json"
    config = {**json.loads(file.read_text()), **change}
    file.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    with pytest.raises(WeightsError, match=match):
        read_decoder(tmp_path, "llama")

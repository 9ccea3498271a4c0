"""Wan's own files, laid out as published, and what their authors' code makes of such weights."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from safetensors.torch import load_file
from torch import Tensor

from models.errors import WeightsError
from models.generation.backbone import in_torch
from models.generation.control import ChunkControl
from models.generation.dit import Dit, DitConfig
from models.generation.prompt_encoder import EncodedPrompt
from models.generation.samplers.motion_stream import MotionStream
from models.generation.samplers.rolling_forcing import RollingForcing
from models.generation.samplers.stream_dit import StreamDiT
from models.generation.wan.model import create_sampler, infer_config, load, load_dit
from models.generation.wan.variants import VARIANTS
from models.streaming import Streaming, run
from tests.models.generation import tiny
from tests.models.generation.wan import made as wan_made
from tests.paths import DATA

OFFICIAL = DATA / "wan" / "official.safetensors"
LATER = DATA / "wan" / "later.safetensors"
SAMPLED = 61  # one number of as many is stored of a stream in `LATER`
CLOSE = 1e-5  # float32, in another order
NAMES = tuple(VARIANTS)
SIDES = {"width": 32, "height": 32}  # pixels; the tiny autoencoder's latents are 4 wide


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wan_made.write(tmp_path_factory.mktemp("weights"))


def dit_of(weights: Path, name: str) -> Dit:
    return load_dit(name, weights, device="cpu", dtype=torch.float32)


def official(channels: int = 16) -> tuple[Dit, Tensor]:
    """Return the transformer and the text that the authors' code has run with.

    Weights that depend on the channels of a latent are stored for 16; for 48 they are drawn.
    """
    stored = load_file(OFFICIAL)
    rng = torch.Generator().manual_seed(channels)
    state = {}
    for key in (key for key in stored if key.startswith("weights.")):
        name, tensor = key.removeprefix("weights."), stored[key]
        shape = list(tensor.shape)
        if name == "patch_embedding.weight":
            shape[1] = channels
        elif name.startswith("head.head."):
            shape[0] = 4 * channels
        kept = shape == list(tensor.shape)
        state[name] = tensor if kept else 0.15 * torch.randn(shape, generator=rng)
    model = Dit(infer_config(state, OFFICIAL, heads=2, channels=channels))
    model.load_state_dict(state)
    return model.eval(), F.pad(stored["text"], (0, 0, 0, 512 - len(stored["text"])))


def streamed(name: str, controls: list[ChunkControl], model: Dit) -> Tensor:
    variant = VARIANTS[name]
    backbone = in_torch(model, 4, 4, variant.reach, variant.chunk)
    return torch.cat(list(run(create_sampler(variant, backbone, seed=7), controls)), 1)


def shown(features: Tensor, *, cut: bool = False) -> ChunkControl:
    return ChunkControl(EncodedPrompt(features, torch.zeros(512)), cut=cut)


@pytest.mark.parametrize("name", ["rolling-forcing", "self-forcing", "longlive"])
def test_our_stream_is_the_one_that_the_authors_code_makes(name: str) -> None:
    model, text = official()
    latents = load_file(OFFICIAL)[name]
    controls = [shown(text)] * (latents.shape[1] // VARIANTS[name].chunk)
    torch.testing.assert_close(streamed(name, controls, model), latents, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("name", ["causal-forcing-2step", "causal-forcing-1step"])
def test_a_stream_of_single_latents_is_the_one_of_causal_forcing(name: str) -> None:
    model, text = official()
    made = streamed(name, [shown(text)] * 21, model)
    torch.testing.assert_close(
        made.flatten()[::SAMPLED], load_file(LATER)[name], rtol=0, atol=CLOSE
    )


def test_a_stream_of_several_scenes_is_the_one_of_longlive_2() -> None:
    """Ten chunks: a prompt that changes, two scenes that begin, and an end that sees neither."""
    model, text = official(48)
    same, cut = shown(text), shown(text.flip(0), cut=True)
    controls = [same, same, same, shown(1.5 * text), cut, same, same, cut, same, same]
    made, theirs = streamed("longlive-2", controls, model), load_file(LATER)["longlive-2"]
    torch.testing.assert_close(made.flatten()[::SAMPLED], theirs, rtol=0, atol=CLOSE)
    uncut = [replace(each, cut=False) for each in controls]
    assert not torch.allclose(streamed("longlive-2", uncut, model)[:, 64:], made[:, 64:], atol=1e-3)


@pytest.mark.parametrize(
    ("sizes", "numbers"),
    [
        ({"dim": 1536, "heads": 12, "ffn": 8960, "channels": 16}, 1_418_996_800),
        ({"dim": 3072, "heads": 24, "ffn": 14336, "channels": 48}, 4_999_787_712),
    ],
    ids=["Wan2.1-T2V-1.3B", "Wan2.2-TI2V-5B"],
)
def test_the_published_transformers_fit_ours(sizes: dict[str, int], numbers: int) -> None:
    config = DitConfig(
        **sizes, gated=False, layers=30, condition=0, refine=0, text=4096, predicts="flow"
    )
    with torch.device("meta"):
        model = Dit(config)
    state = model.state_dict()
    assert infer_config(state, OFFICIAL, None, channels=config.channels) == config
    assert len(state) == 825  # by Wan's own code
    assert sum(tensor.numel() for tensor in state.values()) == numbers


def test_a_track_is_refused_where_nothing_follows_it(weights: Path) -> None:
    backbone = in_torch(dit_of(weights, "self-forcing"), 4, 4, VARIANTS["self-forcing"].reach, 3)
    encoded = EncodedPrompt(torch.zeros(5, 24), torch.zeros(5))
    with pytest.raises(ValueError, match="follows none, only words"):
        backbone.prepare_control(ChunkControl(encoded, torch.rand(1, 12, 2)))


@pytest.mark.parametrize(
    "name", ["rolling-forcing", "self-forcing", "causal-forcing", "causal-forcing-1step"]
)
def test_published_layouts_hold_the_averaged_weights(weights: Path, name: str) -> None:
    expected, found = wan_made.dit().state_dict(), dit_of(weights, name).state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_low_rank_changes_do_merged_what_they_do_beside(weights: Path) -> None:
    changed, base = dit_of(weights, "longlive"), wan_made.dit()
    for name in ("blocks.0.self_attn.q", "blocks.1.ffn.2"):
        layer, whole = base.get_submodule(name), changed.get_submodule(name)
        x = torch.randn(3, next(layer.parameters()).shape[1])
        parts = wan_made.lora(base)
        down, up = (parts[f"base_model.model.{name}.lora_{part}.weight"] for part in "AB")
        scale = VARIANTS["longlive"].alpha / wan_made.RANK
        beside = layer(x) + scale * F.linear(F.linear(x, down), up)
        torch.testing.assert_close(whole(x), beside, rtol=1e-5, atol=1e-4)
    assert torch.equal(changed.head.head.weight, base.head.head.weight)


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_model_draws_and_its_first_chunk_has_fewer_pictures(
    weights: Path, name: str
) -> None:
    wan = load(name, weights, device="cpu", dtype=torch.float32)
    prompt = wan.prompt("a duck on grass")
    made = list(run(wan.generator(seed=4, **SIDES), [ChunkControl(prompt)] * 3))
    frames = 4 * wan.variant.chunk
    assert [part.shape[0] for part in made] == [frames - 3, frames, frames]
    assert made[0].shape[1:] == (32, 32, 3)
    other = next(run(wan.generator(seed=4, **SIDES), [ChunkControl(wan.prompt("grass"))] * 3))
    assert (made[0] != other).any()
    with pytest.raises(ValueError, match=r"multiples of (8|16), got 36x32"):
        wan.sampler(width=36, height=32)


def test_without_a_configuration_heads_are_as_wide_as_all_of_wans(
    weights: Path, tmp_path: Path
) -> None:
    state = wan_made.dit(dim=256).state_dict()
    assert infer_config(state, tmp_path, None).heads == 2
    assert infer_config(state, tmp_path, 4).heads == 4
    found = infer_config(wan_made.dit().state_dict(), tmp_path, 2)
    assert found == wan_made.dit().config
    with pytest.raises(WeightsError, match="48 channels cannot be shared among 0 heads"):
        infer_config(wan_made.dit().state_dict(), tmp_path, None)


def rewritten(weights: Path, folder: Path) -> tuple[Path, Path]:
    """Return a copy of all files, and the transformer's of Self Forcing in it."""
    for file in weights.rglob("*"):
        if file.is_file():
            copy = folder / file.relative_to(weights)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    return folder, folder / "self-forcing/checkpoints/self_forcing_dmd.pt"


class Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("this must not be seen",)


def damaged(file: Path, damage: str) -> None:
    """Write something else than Self Forcing's weights to `file`."""
    state = wan_made.renamed(wan_made.dit().state_dict(), lambda key: f"model.{key}")
    less = {key: value for key, value in state.items() if "1.norm3" not in key}
    wrong = {
        "code inside": {"generator_ema": state, "run": Runs()},
        "list": [1, 2],
        "other keys": {"step": 3, "optimizer": {}},
        "not wan": {"generator": {"model.a": torch.zeros(2)}},
        "picture to video": changed(state, "patch_embedding.weight", 48, 36, 1, 2, 2),
        "a layer less": {"generator": less},
        "another shape": changed(state, "blocks.0.ffn.2.bias", 5),
        "four bits": changed(state, "blocks.0.ffn.0.quantized_weight_values", 5),
        "one more": changed(state, "blocks.0.cross_attn.k_img.weight", 2, 2),
    }
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-2000])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "pickle":
        file.write_bytes(pickle.dumps({"generator_ema": Runs()}, protocol=2))
    else:
        torch.save(wrong[damage], file)


def changed(state: wan_made.State, name: str, *shape: int) -> dict[str, wan_made.State]:
    return {"generator": {**state, f"model.{name}": torch.zeros(shape)}}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("cut", "truncated or damaged .* eyeline pull self-forcing"),
        ("empty", "not loaded|truncated"),
        ("pickle", "could run code"),
        ("code inside", "could run code"),
        ("list", "holds a list"),
        ("other keys", "holds step, optimizer, and no tensors under generator_ema or generator"),
        ("not wan", "not a transformer of Wan's: it has no 'patch_embedding.weight'"),
        ("picture to video", "takes latents of 36 channels"),
        ("four bits", r"weights in 4 bits \(NVFP4\), expected those in bfloat16"),
        ("a layer less", "do not fit .*: no blocks.1.norm3.weight"),
        ("another shape", r"blocks.0.ffn.2.bias of \(5,\), not \(48,\)"),
        ("one more", "an unknown blocks.0.cross_attn.k_img.weight"),
    ],
)
def test_files_of_another_kind_are_refused(
    weights: Path,
    tmp_path: Path,
    damage: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, file = rewritten(weights, tmp_path)
    damaged(file, damage)
    with pytest.raises(WeightsError, match=message):
        load("self-forcing", folder, device="cpu", dtype=torch.float32)
    assert capsys.readouterr().out == ""


def test_missing_files_are_named_all_at_once_with_where_they_come_from(
    weights: Path, tmp_path: Path
) -> None:
    folder, _ = rewritten(weights, tmp_path)
    (folder / "wan2.1/Wan2.1_VAE.pth").unlink()
    (folder / "longlive/models/lora.pt").unlink()
    with pytest.raises(WeightsError) as caught:
        load("longlive", folder, device="cpu")
    message = str(caught.value)
    assert f"{folder}/wan2.1/Wan2.1_VAE.pth (from Wan-AI/Wan2.1-T2V-1.3B" in message
    assert f"{folder}/longlive/models/lora.pt (from Efficient-Large-Model/LongLive" in message
    assert "eyeline pull wan2.1" in message
    assert "eyeline pull longlive" in message
    with pytest.raises(WeightsError, match="there is no video model 'sora'; known: rolling"):
        load("sora", folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"blocks.0.self_attn.q.lora_A.weight": None}, "half a LoRA"),
        ({"blocks.0.self_attn.q.lora_A.weight": torch.zeros(4, 7)}, "its LoRA has other sizes"),
        ({"blocks.7.self_attn.q.lora_B.weight": torch.zeros(48, 4)}, "half a LoRA"),
        ({"blocks.0.self_attn.q.weight": torch.zeros(48, 4)}, "is not a LoRA matrix"),
    ],
)
def test_lora_weights_that_do_not_fit_are_refused(
    weights: Path, tmp_path: Path, changes: dict[str, Tensor | None], message: str
) -> None:
    folder, _ = rewritten(weights, tmp_path)
    full = {f"base_model.model.{key}": value for key, value in changes.items()}
    parts = {**wan_made.lora(wan_made.dit()), **full}
    kept = {key: value for key, value in parts.items() if value is not None}
    torch.save(kept, folder / "longlive/models/lora.pt")  # without `generator_lora` above it
    with pytest.raises(WeightsError, match=message):
        dit_of(folder, "longlive")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("config.json", "not Wan's config.json; fetch it again from Wan-AI"),
        ("google/umt5-xxl/tokenizer.json", "not a tokenizer, or damaged"),
        ("models_t5_umt5-xxl-enc-bf16.pth", "not loaded|truncated"),
        ("Wan2.1_VAE.pth", "not loaded|truncated"),
    ],
)
def test_damaged_parts_of_the_base_are_refused(
    weights: Path, tmp_path: Path, file: str, message: str
) -> None:
    folder, _ = rewritten(weights, tmp_path)
    (folder / "wan2.1" / file).write_bytes(b"{ damaged")
    with pytest.raises(WeightsError, match=message):
        load("self-forcing", folder, device="cpu", dtype=torch.float32)


def test_an_autoencoder_of_another_base_is_refused(weights: Path, tmp_path: Path) -> None:
    folder, _ = rewritten(weights, tmp_path)
    torch.save(wan_made.vae_48().state_dict(), folder / "wan2.1/Wan2.1_VAE.pth")
    with pytest.raises(WeightsError, match="latents of 48 channels, the transformer of self-forc"):
        load("self-forcing", folder, device="cpu", dtype=torch.float32)


def test_a_text_encoder_of_another_size_is_refused(weights: Path, tmp_path: Path) -> None:
    folder, file = rewritten(weights, tmp_path)
    model = wan_made.dit().state_dict()
    model["text_embedding.0.weight"] = torch.zeros(48, 30)
    torch.save({"generator": model}, file)
    with pytest.raises(WeightsError, match="features of 24, the transformer of self-forcing reads"):
        load("self-forcing", folder, device="cpu", dtype=torch.float32)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["motion_stream", "rolling_forcing", "stream_dit"])
@pytest.mark.parametrize("model", [tiny.dit(), wan_made.dit()], ids=["ours", "wan"])
def test_nothing_of_a_stream_is_left_behind_on_another_device(kind: str, model: Dit) -> None:
    """The meta device has no numbers, and like a GPU refuses tensors that lie elsewhere."""
    there = Dit(model.config).to("meta").bfloat16()
    reach = VARIANTS["longlive"].reach
    backbone = in_torch(there, 4, 4, reach, 3)
    width = there.config.text
    control = ChunkControl(EncodedPrompt(torch.zeros(5, width), torch.zeros(5)))
    other = ChunkControl(EncodedPrompt(torch.ones(5, width), torch.zeros(5)))
    samplers: dict[str, object] = {
        "motion_stream": MotionStream(backbone),
        "rolling_forcing": RollingForcing(backbone, (1.0, 0.5)),
        "stream_dit": StreamDiT(backbone, chunks=2),
    }
    stream: Streaming[object, ChunkControl, Tensor] = samplers[kind]  # type: ignore[assignment]
    made = list(run(stream, [control, control, other, other, other]))
    assert [part.device.type for part in made] == ["meta"] * 5
    assert {part.dtype for part in made} == {torch.float32}


def test_half_precision_stays_near(weights: Path) -> None:
    exact, rough = (
        load("self-forcing", weights, device="cpu", dtype=kind)
        for kind in (torch.float32, torch.bfloat16)
    )
    encoded = ChunkControl(exact.prompt("a duck on grass"))
    one, two = (next(run(wan.sampler(seed=1, **SIDES), [encoded])) for wan in (exact, rough))
    assert two.dtype == torch.float32
    assert not torch.equal(one, two)
    assert (one - two).abs().mean() < 0.1 * one.abs().mean()  # 8 bits, four steps
    assert json.dumps(list(one.shape)) == json.dumps(list(two.shape))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_draws_what_a_cpu_draws(weights: Path) -> None:
    near, far = (
        load("rolling-forcing", weights, device=device, dtype=torch.float32)
        for device in ("cpu", "cuda")
    )
    encoded = ChunkControl(near.prompt("a duck on grass"))
    one, two = (next(run(wan.sampler(seed=1, **SIDES), [encoded] * 5)) for wan in (near, far))
    torch.testing.assert_close(one, two.cpu(), rtol=0, atol=1e-3)  # tf32 may be on

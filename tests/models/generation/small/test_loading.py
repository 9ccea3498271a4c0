import json
import pickle
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from models.engine import Engine, NetworkSource, load_in_torch
from models.errors import WeightsError
from models.generation.codec.codec import Codec, CodecConfig
from models.generation.context import Reach
from models.generation.samplers.motion_stream import MotionStream
from models.generation.small.enlarger_file import load_enlarger, save_enlarger
from models.generation.small.info import SmallVideoInfo, read_info
from models.generation.small.loading import PromptedDit, find_files, load, load_files, save
from models.generation.small.prompts.vocabulary import Vocabulary
from models.streaming import run
from tests.models.generation import tiny


def write(folder: Path) -> tuple[Path, Path]:
    files = tiny.files(folder)
    return files.codec, files.dit


def test_a_saved_model_generates_the_same(tmp_path: Path) -> None:
    loaded = load(*write(tmp_path))
    assert loaded.info.vocabulary == Vocabulary((("duck",), ("car",)), (("grass",),))
    encoded = loaded.prompt_encoder.prompt("a duck on grass")
    one = list(run(MotionStream(loaded.backbone()), tiny.controls(3, encoded)))
    two = list(run(MotionStream(tiny.backbone()), tiny.controls(3)))
    assert torch.equal(torch.stack(one), torch.stack(two))


def test_what_prompts_may_say_of_things_is_in_the_file(tmp_path: Path) -> None:
    info = SmallVideoInfo(
        32,
        ("duck", "mallard", "car"),
        ("grass",),
        Reach(sink=1, window=2),
        colors=("red",),
        sizes=("small", "large"),
        colored=("car",),
        mark=" #drawn",
    )
    file = tmp_path / "drawing.safetensors"
    save(file, PromptedDit(tiny.dit(), tiny.words()), info, {})
    assert read_info(file) == info
    assert read_info(file).vocabulary.things == (("duck", "mallard"), ("car",))


def test_a_stored_engine_needs_no_weights(tmp_path: Path) -> None:
    files, stored = write(tmp_path), dict[tuple[str, str], Engine]()

    def keep(source: NetworkSource) -> Engine:
        return stored.setdefault((source.spec.name, source.weights), load_in_torch(source))

    def find(source: NetworkSource) -> Engine:  # builds nothing
        return stored[source.spec.name, source.weights]

    made, found = (MotionStream(load(*files, way).backbone()) for way in (keep, find))
    assert {name for name, _ in stored} == {
        "drawing-denoising",
        "drawing-text",
        "drawing-encoder",
        "drawing-decoder",
    }
    one, two = (torch.stack(list(run(each, tiny.controls(3)))) for each in (made, found))
    assert torch.equal(one, two)


def test_an_enlarger_beside_the_files_is_used_unless_it_is_left_out(tmp_path: Path) -> None:
    write(tmp_path)
    assert load_files(find_files(tmp_path)).shown_size == tiny.SIDE
    enlarger = tmp_path / "enlarger.safetensors"
    save_enlarger(enlarger, tiny.enlarger())
    assert load_files(find_files(tmp_path)).shown_size == 2 * tiny.SIDE
    assert load_files(find_files(tmp_path, enlarged=False)).shown_size == tiny.SIDE
    save_file(tiny.codec().state_dict(), enlarger, metadata={"config": "{}"})
    with pytest.raises(WeightsError, match=r"enlarger\.safetensors: not an enlarger of frames"):
        load_files(find_files(tmp_path))


def test_eight_bits_enlarge_almost_the_same(tmp_path: Path) -> None:
    enlarger, file = tiny.enlarger(), tmp_path / "enlarger.safetensors"
    save_enlarger(file, enlarger)
    rng = torch.Generator().manual_seed(1)
    frames = torch.rand(1, 3, 4, 8, 8, generator=rng) * 2 - 1
    memory = torch.zeros(1, enlarger.config.memory, 8, 8)
    with torch.no_grad():
        exact, read = (each(frames, memory)[0] for each in (enlarger, load_enlarger(file)))
    error = (exact - read).square().mean() / exact.square().mean()
    assert 0 < error < 1e-4  # a step of 8 bits is 1/127 of the largest weight


@pytest.mark.parametrize("damage", ["missing", "cut", "pickle", "swapped", "no config"])
def test_files_of_another_kind_are_refused(tmp_path: Path, damage: str) -> None:
    codec, drawing = write(tmp_path)
    match damage:
        case "missing":
            drawing.unlink()
        case "cut":
            drawing.write_bytes(drawing.read_bytes()[:-100])
        case "pickle":
            drawing.write_bytes(pickle.dumps({"a": print}))
        case "swapped":
            codec, drawing = drawing, codec
        case _:
            save_file(tiny.dit().state_dict(), drawing)
    with pytest.raises(WeightsError, match="safetensors"):
        load(codec, drawing)


def test_a_folder_of_training_is_found_and_one_without_a_file_says_which(tmp_path: Path) -> None:
    codec, drawing = write(tmp_path)
    assert (find_files(tmp_path).codec, find_files(tmp_path).dit) == (codec, drawing)
    drawing.unlink()
    with pytest.raises(WeightsError, match=r"drawing\.safetensors is missing: docs/generation\.md"):
        find_files(tmp_path)


def test_without_a_folder_the_packaged_model_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.generation.small.loading.CHECKPOINTS", tmp_path)
    with pytest.raises(WeightsError, match=r"codec\.safetensors and .*drawing\.s.* are missing"):
        find_files()


@pytest.mark.parametrize("other", ["channels", "heads", "tensors", "text", "gated"])
def test_sizes_that_do_not_fit_are_one_error_line(tmp_path: Path, other: str) -> None:
    codec, drawing = write(tmp_path)
    if other == "channels":
        made = Codec(CodecConfig(channels=8, wide=8, fine=8, finest=8))
        save_file(made.state_dict(), codec, metadata={"config": json.dumps(asdict(made.config))})
    else:
        with safe_open(drawing, framework="pt") as opened:
            config = json.loads(opened.metadata()["config"])
        changes = {"heads": {"heads": 7}, "text": {"text": 15}, "gated": {"gated": True}}
        config["model"] |= changes.get(other, {"dim": 96})
        save_file(load_file(drawing), drawing, metadata={"config": json.dumps(config)})
    with pytest.raises(WeightsError) as raised:
        load(codec, drawing)
    assert len(str(raised.value)) < 200 + 2 * len(str(codec)) + 100
    assert ("trained together" in str(raised.value)) == (other == "channels")
    assert ("takes none" in str(raised.value)) == (other == "gated")

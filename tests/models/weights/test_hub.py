"""Models from a hub: a real one on localhost, with what may go wrong on the way."""

import fcntl
import json
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from models.errors import WeightsError
from models.generation.wan import model as wan
from models.huggingface_files import read_config
from models.vision.video_llm.assembly import ModelFolder
from models.vision.video_llm.families import read_video_llm
from models.vision.video_llm.llava_onevision import read_llava_onevision
from models.weights.hub import SCRATCH, download_model, installed_commit, model_folder, verify_model
from models.weights.hub_catalog import HUB_MODELS, VIDEO_LLMS, HubModel
from models.weights.hub_http import ATTEMPTS, Hub
from models.weights.hub_release import COMMIT, Release, find_release
from tests.models.generation.wan import made as wan_made
from tests.models.vision.video_llm import checkpoints
from tests.models.weights.hub_served import SmallHub, hub_served

NAME = "llava-onevision-0.5b"
MODEL = replace(HUB_MODELS[NAME], revision="main")
WEIGHTS = bytes(range(256)) * 400
FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"[]",
    "README.md": b"# card",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"pickle",
    "training_args.bin": b"pickle",
    "../escape.json": b"!",
    "onnx/model.safetensors": b"other",
    ".gitattributes": b"",
}
TAKEN = {"config.json", "tokenizer.json", "README.md", "model.safetensors"}


@pytest.fixture
def small() -> Iterator[SmallHub]:
    with hub_served({MODEL.repository: dict(FILES)}) as served:
        yield served


def pulled(small: SmallHub, folder: Path, **options: str) -> Release:
    release = find_release(MODEL, small.hub, **options)
    download_model(release, folder / NAME, small.hub)
    return release


def names(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_needed_files_are_fetched_and_verified_and_no_pickle(
    small: SmallHub, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []
    release = find_release(MODEL, small.hub)
    download_model(release, tmp_path / NAME, small.hub, progress=lambda *at: seen.append(at))
    home = model_folder(NAME, tmp_path)
    assert names(home) == TAKEN | {"pulled.json", "verified.json"}
    assert (home / "model.safetensors").read_bytes() == WEIGHTS
    assert seen == sorted(seen)
    assert seen[-1] == (release.size, release.size)
    assert release.licence == "apache-2.0"
    manifest = json.loads((home / "pulled.json").read_text())
    assert manifest["commit"] == small.commit(MODEL.repository) == installed_commit(NAME, tmp_path)
    assert not (tmp_path / "escape.json").exists()


def test_the_small_hub_answers_as_the_hubs_own_library_expects(
    small: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what is tested against is the real form."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import _detect_agent

    monkeypatch.setattr(_detect_agent, "_registry", {"standardEnvVars": [], "harnesses": {}})
    info = HfApi(endpoint=small.url, token=False).model_info(
        MODEL.repository, revision="main", files_metadata=True
    )
    theirs = {
        each.rfilename: (each.size, each.lfs.sha256 if each.lfs else each.blob_id)
        for each in info.siblings or ()
    }
    release = find_release(MODEL, small.hub)
    assert info.sha == release.commit
    assert {file.name: (file.size, file.digest) for file in release.files} == {
        name: theirs[name] for name in TAKEN
    }
    assert info.card_data is not None
    assert info.card_data["license"] == release.licence


@pytest.mark.parametrize("sharded", [False, True])
def test_a_pulled_llava_onevision_loads_and_sees_as_before(tmp_path: Path, sharded: bool) -> None:
    made = tmp_path / "made"
    checkpoints.llava_onevision(made)
    if sharded:
        checkpoints.shard(made)
    files = {file.name: file.read_bytes() for file in made.iterdir()}
    with hub_served({MODEL.repository: files}) as small:
        pulled(small, tmp_path)
    pixels = torch.arange(2 * 45 * 45 * 3).reshape(2, 45, 45, 3).to(torch.uint8)
    ours, theirs = (
        read_llava_onevision(ModelFolder(at)) for at in (model_folder(NAME, tmp_path), made)
    )
    assert torch.equal(ours.frames.encode_frames(pixels), theirs.frames.encode_frames(pixels))


@pytest.mark.parametrize(
    ("name", "family"),
    [("qwen2.5-vl-3b", "qwen25_vl"), ("qwen3-vl-2b", "qwen3_vl"), ("smolvlm2-256m", "smolvlm")],
)
def test_pulled_models_of_other_families_load(tmp_path: Path, name: str, family: str) -> None:
    getattr(checkpoints, family)(tmp_path / "made")
    files = {file.name: file.read_bytes() for file in (tmp_path / "made").iterdir()}
    with hub_served({HUB_MODELS[name].repository: files}) as small:
        download_model(
            find_release(HUB_MODELS[name], small.hub, revision="main"), tmp_path / name, small.hub
        )
    model = read_video_llm(ModelFolder(model_folder(name, tmp_path)))
    assert model.template.end in ("<|im_end|>", "<end_of_utterance>")
    assert HUB_MODELS[name].kind == read_config(model_folder(name, tmp_path))["model_type"]


def test_of_a_model_that_draws_exactly_the_listed_files_are_fetched(tmp_path: Path) -> None:
    model = HUB_MODELS["wan2.1"]
    files = {name: name.encode() * 300 for name in model.files}
    others = {"diffusion_pytorch_model.safetensors": WEIGHTS, "../escape.pth": b"!"}
    with hub_served({model.repository: files | others}) as small:
        download_model(
            find_release(model, small.hub, revision="main"), tmp_path / model.name, small.hub
        )
        kept = model_folder(model.name, tmp_path)
        assert names(kept) == set(files) | {"pulled.json", "verified.json"}
        assert (kept / "google/umt5-xxl/tokenizer.json").read_bytes() == files[model.files[1]]
        (kept / "google/umt5-xxl/tokenizer.json").unlink()
        with pytest.raises(WeightsError, match=r"tokenizer\.json missing .* eyeline pull wan2\.1"):
            model_folder(model.name, tmp_path)
        small.repositories[model.repository].pop("Wan2.1_VAE.pth")
        with pytest.raises(WeightsError, match=r"the hub has no Wan2\.1_VAE\.pth"):
            find_release(model, small.hub, revision="main")


def test_pulled_weights_of_wan_draw(tmp_path: Path) -> None:
    made = wan_made.write(tmp_path / "made")
    pulled_to = tmp_path / "weights"
    for name in ("wan2.1", "longlive"):
        model = HUB_MODELS[name]
        files = {file: (made / name / file).read_bytes() for file in model.files}
        with hub_served({model.repository: files}) as small:
            download_model(
                find_release(model, small.hub, revision="main"), pulled_to / name, small.hub
            )
        assert model_folder(name, pulled_to) == pulled_to / name
    ours, theirs = (
        wan.load("longlive", at, device="cpu", dtype=torch.float32) for at in (pulled_to, made)
    )
    assert ours.prompt("a duck").equals(theirs.prompt("a duck"))
    expected = theirs.model.state_dict()
    assert all(torch.equal(expected[key], of) for key, of in ours.model.state_dict().items())


def test_models_that_draw_are_none_that_see() -> None:
    assert {"rolling-forcing", "self-forcing", "longlive"} <= set(HUB_MODELS) - set(VIDEO_LLMS)
    assert set(VIDEO_LLMS) >= {"llava-onevision-0.5b", "qwen2.5-vl-7b"}


def test_a_token_goes_to_the_hub_and_not_to_where_it_redirects(
    small: SmallHub, tmp_path: Path
) -> None:
    small.token = "secret"
    pulled(small, tmp_path)
    to_hub = [each for each in small.received if not each.path.startswith("/stored/")]
    assert {each.token for each in to_hub} == {"Bearer secret"}
    assert [each.token for each in small.received if each.path.startswith("/stored/")] == [None]
    assert "secret" not in repr(small.hub)


def test_broken_connections_are_taken_up_where_they_broke(small: SmallHub, tmp_path: Path) -> None:
    small.cuts = [1000, 70_000, 1]
    pulled(small, tmp_path)
    stored = [each.range for each in small.received if each.path.startswith("/stored/")]
    assert stored == [None, "bytes=1000-", "bytes=71000-", "bytes=71001-"]
    assert verify_model(NAME, tmp_path) == ()


def test_an_interrupted_pull_resumes_where_it_stopped(small: SmallHub, tmp_path: Path) -> None:
    release = find_release(MODEL, small.hub)
    small.cuts = [50_000]

    def ctrl_c(done: int, total: int) -> None:
        if done > 40_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_model(release, tmp_path / NAME, small.hub, progress=ctrl_c)
    with pytest.raises(WeightsError, match=f"is missing or incomplete: eyeline pull {NAME}"):
        model_folder(NAME, tmp_path)
    small.received.clear()
    seen: list[int] = []
    download_model(release, tmp_path / NAME, small.hub, progress=lambda done, _: seen.append(done))
    (stored,) = [each.range for each in small.received if each.path.startswith("/stored/")]
    assert stored == "bytes=50000-"
    assert seen[0] > 50_000
    assert verify_model(NAME, tmp_path) == ()


def test_a_hub_that_cannot_go_on_sends_the_file_again(small: SmallHub, tmp_path: Path) -> None:
    small.cuts, small.ranges = [1000], False
    pulled(small, tmp_path)
    assert (tmp_path / NAME / "model.safetensors").read_bytes() == WEIGHTS


def test_a_hub_that_sends_nothing_more_is_given_up_on_and_reported(
    small: SmallHub, tmp_path: Path
) -> None:
    small.cuts = [1000] + [0] * ATTEMPTS
    with pytest.raises(WeightsError, match=r"could not be reached .* the same command resumes"):
        pulled(small, tmp_path)
    pulled(small, tmp_path)
    assert small.received[-1].range == "bytes=1000-"
    assert verify_model(NAME, tmp_path) == ()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_bytes_with_another_hash_are_refused_and_not_kept(
    small: SmallHub, tmp_path: Path, name: str
) -> None:
    small.swapped[name] = FILES[name][:-1] + b"?"
    with pytest.raises(WeightsError, match=rf"{name}: has the hash .* do not trust this hub"):
        pulled(small, tmp_path)
    assert not any(name in each for each in names(tmp_path))
    small.swapped.clear()
    pulled(small, tmp_path)
    assert verify_model(NAME, tmp_path) == ()


def test_a_file_longer_than_listed_is_refused(small: SmallHub, tmp_path: Path) -> None:
    small.swapped["model.safetensors"] = WEIGHTS + b"more"
    with pytest.raises(WeightsError, match="longer than the 102400 bytes"):
        pulled(small, tmp_path)


def test_a_damaged_file_is_noticed_and_only_it_is_fetched_again(
    small: SmallHub, tmp_path: Path
) -> None:
    pulled(small, tmp_path)
    (tmp_path / NAME / "config.json").write_bytes(b"[]")
    assert verify_model(NAME, tmp_path) == ("config.json",)
    with pytest.raises(WeightsError, match=r"config\.json missing or damaged: eyeline pull"):
        model_folder(NAME, tmp_path)
    small.received.clear()
    pulled(small, tmp_path)
    assert [each.path.rpartition("/")[2] for each in small.received] == ["main", "config.json"]
    assert verify_model(NAME, tmp_path) == ()


def test_another_revision_replaces_the_one_that_is_there(small: SmallHub, tmp_path: Path) -> None:
    pulled(small, tmp_path)
    small.repositories[MODEL.repository]["model.safetensors"] = WEIGHTS[::-1]
    del small.repositories[MODEL.repository]["README.md"]
    small.revisions = ("main", "v2/new")
    release = pulled(small, tmp_path, revision="v2/new")
    assert installed_commit(NAME, tmp_path) == release.commit
    assert (tmp_path / NAME / "model.safetensors").read_bytes() == WEIGHTS[::-1]
    assert not (tmp_path / NAME / "README.md").exists()


def test_without_a_network_the_error_says_what_to_do() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, and nobody listens
        nobody = Hub(url=f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(WeightsError, match=r"could not be reached .*Are you online\?"):
            find_release(MODEL, nobody)


@pytest.mark.parametrize(
    ("status", "message"),
    [(403, "the hub refuses it"), (404, "does not have it"), (503, "answered 503; try again")],
)
def test_a_refusal_of_the_hub_is_explained(small: SmallHub, status: int, message: str) -> None:
    small.status = status
    with pytest.raises(WeightsError, match=f"{MODEL.repository} at 'main'.*{message}"):
        find_release(MODEL, small.hub)


def test_the_revision_of_the_catalog_is_asked_for_and_another_commit_is_refused(
    small: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = replace(MODEL, revision=small.commit(MODEL.repository))
    assert find_release(pinned, small.hub).commit == pinned.revision
    assert small.received[-1].path.endswith(f"/revision/{pinned.revision}")
    listing = {**small.listing(MODEL.repository), "sha": "0" * 40}
    monkeypatch.setattr(SmallHub, "listing", lambda *_: listing)
    with pytest.raises(WeightsError, match=r"answered with 0000.*do not trust this hub"):
        find_release(pinned, small.hub)


@pytest.mark.parametrize("model", HUB_MODELS.values(), ids=list(HUB_MODELS))
def test_a_revision_of_the_catalog_is_a_commit_or_not_known_yet(model: HubModel) -> None:
    assert model.revision == "main" or COMMIT.fullmatch(model.revision)


def test_an_unknown_revision_and_a_private_model_are_refused(small: SmallHub) -> None:
    with pytest.raises(WeightsError, match=r"at 'v9': the hub does not have it .*--revision"):
        find_release(MODEL, small.hub, revision="v9")
    small.repositories.clear()
    with pytest.raises(WeightsError, match="set EYELINE_HUB_TOKEN to a token that may read"):
        find_release(MODEL, small.hub)


def test_a_gated_model_says_that_its_licence_is_to_be_accepted(
    small: SmallHub, tmp_path: Path
) -> None:
    small.gated = True
    with pytest.raises(WeightsError, match="licence must be accepted first"):
        pulled(small, tmp_path)


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("model.safetensors", r"no model\.safetensors\.index\.json; only safetensors are read"),
        ("config.json", r"no config\.json"),
        ("tokenizer.json", r"no tokenizer\.json"),
    ],
)
def test_a_repository_without_what_we_read_is_refused_before_any_download(
    small: SmallHub, lost: str, message: str
) -> None:
    del small.repositories[MODEL.repository][lost]
    with pytest.raises(WeightsError, match=message):
        find_release(MODEL, small.hub)


def test_a_lost_shard_is_named(small: SmallHub) -> None:
    files = small.repositories[MODEL.repository]
    files["model.safetensors.index.json"] = b"{}"
    files["model-00002-of-00003.safetensors"] = b"2"
    with pytest.raises(WeightsError, match=r"model-00001-of-00003\..*model-00003-of-00003\."):
        find_release(MODEL, small.hub)


def test_an_index_that_names_a_file_that_the_hub_has_not_is_refused(
    small: SmallHub, tmp_path: Path
) -> None:
    index = {"weight_map": {"a": "../other.safetensors"}}
    small.repositories[MODEL.repository]["model.safetensors.index.json"] = json.dumps(
        index
    ).encode()
    with pytest.raises(WeightsError, match=r"names \.\./other\.safetensors"):
        pulled(small, tmp_path)
    with pytest.raises(WeightsError, match="incomplete"):
        model_folder(NAME, tmp_path)


def test_a_server_that_is_no_hub_is_refused(
    small: SmallHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        SmallHub, "listing", lambda *_: {"siblings": [{"rfilename": "config.json"}]}
    )
    with pytest.raises(WeightsError, match="not what a model hub answers"):
        find_release(MODEL, small.hub)
    monkeypatch.setattr(SmallHub, "listing", lambda *_: ["hello"])
    with pytest.raises(WeightsError, match="is EYELINE_HUB a model hub"):
        find_release(MODEL, small.hub)


def test_a_disk_without_room_is_reported_before_the_download(
    small: SmallHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = find_release(MODEL, small.hub)
    small.received.clear()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=90_000))
    with pytest.raises(WeightsError, match=r"needs 0\.0 GB, the disk has 0\.0 GB"):
        download_model(release, tmp_path / NAME, small.hub)
    assert small.received == []


def test_a_disk_that_fills_up_on_the_way_is_refused(small: SmallHub, tmp_path: Path) -> None:
    release = find_release(MODEL, small.hub)
    (weights,) = (file for file in release.files if file.name == "model.safetensors")
    part = tmp_path / NAME / SCRATCH / f"{weights.digest}-{weights.name}.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")  # takes no byte: "no space left on device"
    with pytest.raises(WeightsError, match=r"cannot be written \(.*No space left.*is kept"):
        download_model(release, tmp_path / NAME, small.hub)


def test_a_folder_that_cannot_be_written_is_named(small: SmallHub, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("in the way")
    with pytest.raises(WeightsError, match=r"cannot be written.*EYELINE_WEIGHTS"):
        pulled(small, tmp_path)


def test_two_pulls_do_not_write_the_same_file(small: SmallHub, tmp_path: Path) -> None:
    scratch = tmp_path / NAME / SCRATCH
    scratch.mkdir(parents=True)
    with (scratch / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(WeightsError, match="another process is downloading it"):
            pulled(small, tmp_path)


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"'large'; known are llava-onevision-0\.5b"):
        model_folder("large", tmp_path)

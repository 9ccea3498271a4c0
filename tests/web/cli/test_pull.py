"""`eyeline pull`: what a person reads, and what it does and does not ask the hub."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from models.weights.catalog import WEIGHTS
from models.weights.hub_catalog import HUB_MODELS
from tests.models.weights.hub_served import SmallHub, hub_served
from web.cli.pull import pull, weights_table
from web.config import Settings
from web.errors import UsageError

NAME = "qwen2.5-vl-3b"
MODEL = HUB_MODELS[NAME]
FILES = {"config.json": b"{}", "tokenizer.json": b"[]", "model.safetensors": b"weights" * 1000}


@pytest.fixture
def small() -> Iterator[SmallHub]:
    with hub_served({MODEL.repository: dict(FILES)}) as served:
        served.licence = {"license": "other", "license_name": "qwen-research"}
        yield served


@pytest.fixture
def settings(small: SmallHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    pinned = replace(MODEL, revision=small.commit(MODEL.repository))
    monkeypatch.setitem(HUB_MODELS, NAME, pinned)
    return Settings(weights=tmp_path, hub=small.url + "/")


def test_the_list_names_all_weights_and_says_which_are_here(
    settings: Settings, tmp_path: Path
) -> None:
    lines = weights_table(tmp_path).splitlines()
    assert [line.split()[0] for line in lines] == [*WEIGHTS, *HUB_MODELS]
    assert not any(" here " in line for line in lines)
    pull(settings, NAME, revision=None)
    here = [line for line in weights_table(tmp_path).splitlines() if " here " in line]
    assert [line.split()[0] for line in here] == [NAME]
    assert "not for commercial use" in here[0]


def test_the_licence_is_printed_before_the_download_and_the_folder_after(
    settings: Settings, small: SmallHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pull(settings, NAME, revision=None) == 0
    assert small.received[0].path.endswith(small.commit(MODEL.repository))  # that of the catalog
    output = capsys.readouterr().err
    commit = small.commit(MODEL.repository)
    assert f"{MODEL.repository} at {commit[:12]}: 3 files" in output
    assert "not for commercial use; the hub says: other, qwen-research" in output
    assert output.index("licence:") < output.index(f"complete and verified in {tmp_path / NAME}")


def test_local_files_are_verified_without_the_network_unless_a_revision_is_given(
    settings: Settings, small: SmallHub
) -> None:
    pull(settings, NAME, revision=None)
    small.received.clear()
    pull(settings, NAME, revision=None)
    pull(settings, NAME, revision=small.commit(MODEL.repository))
    assert small.received == []
    pull(settings, NAME, revision="main")
    assert [each.path.rpartition("/")[2] for each in small.received] == ["main"]


def test_damage_is_repaired_at_the_same_commit(
    settings: Settings, small: SmallHub, tmp_path: Path
) -> None:
    pull(settings, NAME, revision=None)
    (tmp_path / NAME / "config.json").unlink()
    small.received.clear()
    pull(settings, NAME, revision=None)
    assert small.received[0].path.endswith(small.commit(MODEL.repository))
    assert (tmp_path / NAME / "config.json").read_bytes() == b"{}"


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        ("tiny.en", "main", "tiny.en has no revisions"),
        ("huge", None, "no weights are named 'huge'; known: tiny.en, .*qwen2.5-vl-7b"),
        (None, "main", "--revision needs a NAME"),
    ],
)
def test_an_impossible_pull_is_a_clear_error(
    settings: Settings, name: str | None, revision: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        pull(settings, name, revision=revision)

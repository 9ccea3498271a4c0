import hashlib
from pathlib import Path

import pytest

from models.errors import WeightsError
from models.training.video.clips.grounds import BACKGROUNDS
from models.training.video.clips.packages import MEMBERS, PACKAGES, reader


def test_a_package_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    stamps, fluent = PACKAGES["stamps"], PACKAGES["fluent"]
    (tmp_path / f"{stamps.name}_{stamps.version}_all.deb").write_bytes(b"something else")
    (tmp_path / f"lobehub-fluent-emoji-3d-{fluent.version}.tgz").write_bytes(b"something else")
    for package in (stamps, fluent):
        with pytest.raises(WeightsError, match="SHA-256"):
            reader(package, tmp_path)


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("gimp", r"gimp-data-extras_1%3a2\.0\.2-1\.1_\*\.deb"),
        ("twemoji", r"emoji-datasource-twitter-16\.0\.0\.tgz"),
    ],
)
def test_without_the_tools_the_message_says_which_file_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, file: str
) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(WeightsError, match=rf"put its file \({file}\)"):
        reader(PACKAGES[source], tmp_path)


def test_every_package_is_pinned_and_has_a_licence() -> None:
    for package in PACKAGES.values():
        assert package.licence
        if package.origin != "wheel":
            assert len(bytes.fromhex(package.sha256)) == hashlib.sha256().digest_size
    pinned = {ground.picture for ground in BACKGROUNDS.values() if ground.picture}
    assert {file for source, file in pinned if source == "skimage"} == set(MEMBERS)
    assert {source for source, _ in pinned} <= {*PACKAGES, "drawn"}

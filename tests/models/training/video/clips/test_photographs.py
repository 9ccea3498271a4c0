import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import WeightsError
from models.training.video.clips import photographs
from models.training.video.clips.photographs import OBJECT, STAMPS, fetch


def test_a_package_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"{STAMPS.name}_{STAMPS.version}_all.deb").write_bytes(b"something else")
    with pytest.raises(WeightsError, match="SHA-256"):
        fetch(tmp_path)


def test_without_debians_tools_the_message_says_where_to_put_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(WeightsError, match=r"put its \.deb"):
        fetch(tmp_path)


def test_every_package_is_pinned_and_has_a_licence() -> None:
    for package in (STAMPS, photographs.MATE):
        assert len(bytes.fromhex(package.sha256)) == hashlib.sha256().digest_size
    for package in (STAMPS, photographs.MATE, photographs.SKIMAGE):
        assert package.licence


def test_an_object_is_cut_to_what_is_opaque_and_premultiplied() -> None:
    picture = np.zeros((60, 90, 4), np.uint8)
    picture[..., 0] = 255  # red even where it cannot be seen
    picture[10:50, 20:80, 3] = 255
    picture[10:50, 20:50, 3] = 128
    kept = photographs._object(Image.fromarray(picture, "RGBA"), 1)
    assert max(kept.shape[:2]) == OBJECT
    assert kept.shape[1] / kept.shape[0] == pytest.approx(60 / 40, rel=0.03)
    assert kept[40, 10].tolist() == pytest.approx([128, 0, 0, 128], abs=2)
    assert kept[40, -10].tolist() == pytest.approx([255, 0, 0, 255], abs=2)

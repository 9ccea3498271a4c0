import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.asr.words import RATE
from models.training.asr import clips


def corpus(folder: Path, lengths: list[int], rate: int = RATE) -> Path:
    folder.mkdir()
    lines = []
    for index, length in enumerate(lengths):
        sound = np.linspace(-0.5, 0.5, length, dtype=np.float32) * (index + 1) / len(lengths)
        soundfile.write(folder / f"{index}.flac", sound, rate, subtype="PCM_16")
        entry = {"path": f"{index}.flac", "text": f"number {index}", "engine": "e", "voice": "v"}
        lines.append(json.dumps(entry))
    (folder / "manifest.jsonl").write_text("\n".join(lines))
    return folder


def test_packed_sound_is_the_sound_of_the_files(tmp_path: Path) -> None:
    source = corpus(tmp_path / "corpus", [800, 1600, 400])
    clips.pack_clips([source], tmp_path / "packed", print)
    packed = clips.load_clips(tmp_path / "packed")
    assert [clip.text for clip in packed.all] == ["number 0", "number 1", "number 2"]
    for clip in packed.all:
        want, _ = soundfile.read(clip.path, dtype="float32")
        np.testing.assert_array_equal(packed.samples(clip), want)


def test_packing_again_adds_only_what_is_new(tmp_path: Path) -> None:
    first = corpus(tmp_path / "one", [800, 1600])
    second = corpus(tmp_path / "two", [500])
    clips.pack_clips([first], tmp_path / "packed", print)
    clips.pack_clips([first, second], tmp_path / "packed", print)
    packed = clips.load_clips(tmp_path / "packed")
    assert [clip.count for clip in packed.all] == [800, 1600, 500]
    assert len(packed.sound) == 2900
    want, _ = soundfile.read(packed.all[2].path, dtype="float32")
    np.testing.assert_array_equal(packed.samples(packed.all[2]), want)


def test_a_half_written_file_is_written_again(tmp_path: Path) -> None:
    source = corpus(tmp_path / "corpus", [800, 1600])
    clips.pack_clips([source], tmp_path / "packed", print)
    index = tmp_path / "packed" / clips.INDEX
    index.write_text(index.read_text().splitlines()[0] + "\n")  # stopped before the second line
    clips.pack_clips([source], tmp_path / "packed", print)
    packed = clips.load_clips(tmp_path / "packed")
    assert len(packed.sound) == 2400
    assert packed.all[1].start == 800


def test_sound_at_another_rate_is_refused(tmp_path: Path) -> None:
    source = corpus(tmp_path / "corpus", [800], rate=8000)
    with pytest.raises(ValueError, match="8000"):
        clips.pack_clips([source], tmp_path / "packed", print)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pack a corpus first"):
        clips.load_clips(tmp_path)

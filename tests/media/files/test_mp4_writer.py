"""What a player finds in a written file, and what is left if writing fails."""

from pathlib import Path

import av
import numpy as np
import pytest

from media.errors import MediaError
from media.files.mp4_writer import Mp4Writer


def brightening(count: int) -> list[np.ndarray]:
    """Return frames with a left half that gets brighter, and a red right half."""
    made = np.zeros((count, 32, 64, 3), np.uint8)
    made[:, :, 32:, 0] = 200
    for number, image in enumerate(made):
        image[:, :32] = 40 + 8 * number
    return list(made)


def test_a_player_finds_every_frame_at_its_time_and_in_its_color(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    with Mp4Writer(file, 16, scale=4) as writer:
        for image in brightening(20):
            writer.write(image)
    assert writer.frames == 20
    with av.open(str(file)) as container:
        assert "mp4" in container.format.name
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (256, 128)
        assert stream.average_rate == 16
        frames = list(container.decode(stream))
    assert [frame.time for frame in frames] == pytest.approx([n / 16 for n in range(20)])
    for number, frame in enumerate(frames):
        shown = frame.to_ndarray(format="rgb24")
        # the encoder's loss, over a flat area
        assert shown[40:80, 20:100].mean() == pytest.approx(40 + 8 * number, abs=4)
        assert shown[40:80, 150:240].mean((0, 1)) == pytest.approx([200, 0, 0], abs=8)


def test_odd_sides_are_cut_to_even_ones(tmp_path: Path) -> None:
    with Mp4Writer(tmp_path / "a.mp4", 16) as writer:
        writer.write(np.zeros((17, 33, 3), np.uint8))
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (32, 16)


def test_an_interrupted_file_can_be_played_and_a_failed_one_leaves_the_old(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"

    def make(error: BaseException) -> None:
        with Mp4Writer(file, 16) as writer:
            for image in brightening(3):
                writer.write(image)
            raise error

    file.write_text("before")
    with pytest.raises(ZeroDivisionError):
        make(ZeroDivisionError())
    assert file.read_text() == "before"
    with pytest.raises(KeyboardInterrupt):
        make(KeyboardInterrupt())
    with av.open(str(file)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3
    assert list(tmp_path.iterdir()) == [file]


def test_no_file_is_written_without_frames(tmp_path: Path) -> None:
    with Mp4Writer(tmp_path / "a.mp4", 16):
        pass
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    def make() -> None:
        with Mp4Writer(tmp_path / "none" / "a.mp4", 16) as writer:
            writer.write(brightening(1)[0])

    with pytest.raises(MediaError, match=r"a\.mp4: cannot be written"):
        make()

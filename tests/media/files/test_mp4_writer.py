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


@pytest.mark.parametrize("error", [ZeroDivisionError(), KeyboardInterrupt()])
def test_a_file_can_be_played_whatever_ended_it(tmp_path: Path, error: BaseException) -> None:
    file = tmp_path / "a.mp4"
    writer = Mp4Writer(file, 16)

    def make() -> None:
        with writer:
            for image in brightening(3):
                writer.write(image)
            raise error

    with pytest.raises(type(error)):
        make()
    assert writer.playable
    with av.open(str(file)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3


def test_a_file_without_frames_cannot_be_played(tmp_path: Path) -> None:
    with Mp4Writer(tmp_path / "a.mp4", 16) as writer:
        pass
    assert not writer.playable


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    def make() -> None:
        with Mp4Writer(tmp_path / "none" / "a.mp4", 16) as writer:
            writer.write(brightening(1)[0])

    with pytest.raises(MediaError, match=r"a\.mp4: cannot be written"):
        make()

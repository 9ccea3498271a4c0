from pathlib import Path

import numpy as np

from media.files.decoding import decode
from media.frames import VideoFrame
from media.recording.track_writers import MatroskaWriter


def test_large_frames_keep_their_colors(tmp_path: Path) -> None:
    """Players take HD video whose colors are not named for BT.709, which ours is not."""
    red = np.full((720, 1280, 3), (200, 40, 30), np.uint8)
    writer = MatroskaWriter(tmp_path / "video.mkv")
    writer.write(VideoFrame(red, 0))
    writer.close()
    (frame,) = decode(tmp_path / "video.mkv", max_duration=10)
    assert isinstance(frame, VideoFrame)
    assert np.abs(frame.pixels.astype(int) - red).max() <= 4

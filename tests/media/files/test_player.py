"""What a player would play and show of a file is what is decoded."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import Colorspace

from media.files.decoding import decode_audio
from media.files.sampling import sample_frames
from media.tone_mapping import nits_to_pq
from tests.media.media_files import tone

RATE = 48_000


def write_surround(path: Path, layout: str, loud: dict[str, float]) -> Path:
    """Write a second of a tone from some loudspeakers, with a gain for each."""
    names = [channel.name for channel in av.AudioLayout(layout).channels]
    sound = tone(1.0, RATE)
    packed = np.stack([sound * np.float32(loud.get(name, 0)) for name in names], axis=1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=RATE, layout=layout)
        frame = av.AudioFrame.from_ndarray(packed.reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate, frame.pts = RATE, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("layout", "loud", "gain"),
    [
        ("5.1", {"FC": 1.0}, 0.707),
        ("7.1", {"FC": 1.0}, 0.707),  # eight planes, which PyAV reads wrongly
        ("5.1", {"FL": 1.0, "FR": 1.0}, 1.0),
        ("5.1", {"LFE": 1.0}, 0.0),
        ("stereo", {"FL": 1.0, "FR": -1.0}, 1.0),
        ("stereo", {"FR": 1.0}, 1.0),
    ],
)
def test_sound_is_as_loud_as_in_a_player(
    tmp_path: Path, layout: str, loud: dict[str, float], gain: float
) -> None:
    path = write_surround(tmp_path / "sound.mkv", layout, loud)
    heard = np.concatenate(list(decode_audio(path, max_duration=10)))[4_000:12_000]
    assert np.std(heard) == pytest.approx(gain * np.std(tone(1.0)), abs=0.02)


def test_hdr_with_oblong_pixels_is_shown_in_its_shape_and_brightness(tmp_path: Path) -> None:
    path = tmp_path / "hdr.mkv"
    code = round(float(nits_to_pq(np.array(203.0))) * 65535)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"qp": "1"})
        stream.width, stream.height, stream.pix_fmt = 72, 64, "yuv420p10le"
        context = stream.codec_context
        context.sample_aspect_ratio = Fraction(16, 9)
        context.color_primaries, context.color_trc, context.colorspace = 9, 16, 9
        white = np.full((64, 72, 3), code, np.uint16)
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(white, format="rgb48le").reformat(
                format="yuv420p10le", dst_colorspace=Colorspace.BT2020
            )
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (first, *_) = sample_frames(path, max_duration=10, interval=0)
    assert first.pixels.shape == (64, 128, 3)
    assert 220 < first.pixels.mean() < 240  # white paper; the codes of PQ alone are gray

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from hypothesis import given
from hypothesis import strategies as st

from media.frames import VideoFrame
from media.sizes import SizeLimits, fit
from media.video import Pixels, frame_from_av, frame_to_av, resize


def picture(width: int = 320, height: int = 180) -> Pixels:
    """Return smooth colors, which lose little with chroma at half the size."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height)]
    return np.stack(planes, axis=2).astype(np.uint8)


@given(width=st.integers(2, 8_000), height=st.integers(2, 8_000))
def test_a_fitted_size_keeps_its_shape_and_stays_within_limits(width: int, height: int) -> None:
    limits = SizeLimits(longer=1280, shorter=720)
    fitted = fit(width, height, limits)
    assert max(fitted) <= 1280
    assert min(fitted) <= 720
    assert fitted[0] <= width
    assert fitted[1] <= height
    if min(fitted) > 16:
        assert fitted[0] * height == pytest.approx(fitted[1] * width, rel=0.04)  # rounding


def test_an_image_within_limits_is_left_as_it_is() -> None:
    assert fit(640, 360, SizeLimits()) == (640, 360)
    assert fit(720, 1280, SizeLimits()) == (720, 1280)
    pixels = picture()
    assert resize(pixels, SizeLimits()) is pixels


@pytest.mark.parametrize("size", [(320, 180), (853, 479), (64, 48)])
def test_colors_survive_conversion_to_yuv_and_back(size: tuple[int, int]) -> None:
    pixels = picture(*size)
    frame = frame_to_av(VideoFrame(pixels, 900))
    assert frame.format.name == "yuv420p"
    assert (frame.width % 2, frame.height % 2, frame.pts) == (0, 0, 900)
    assert frame.time == pytest.approx(0.01)
    back = frame_from_av(frame, 900)
    assert back.pixels.dtype == np.uint8
    assert back.pixels.flags.c_contiguous
    even = pixels[: frame.height, : frame.width].astype(int)
    assert np.abs(back.pixels.astype(int) - even).mean() < 2  # 8-bit YUV, chroma at half size


def test_white_has_limited_range_in_yuv_and_full_range_in_rgb() -> None:
    frame = frame_to_av(VideoFrame(np.full((16, 16, 3), 255, np.uint8), 0))
    assert frame.to_ndarray()[0, 0] == 235
    assert frame_from_av(frame, 0).pixels.min() == 255


@pytest.mark.parametrize("color_range", [ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize("colorspace", [Colorspace.ITU601, Colorspace.ITU709])
def test_a_frame_is_converted_by_the_color_space_that_it_names(
    colorspace: Colorspace, color_range: ColorRange
) -> None:
    pixels = np.full((32, 32, 3), (10, 200, 90), np.uint8)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
        format="yuv420p", dst_colorspace=colorspace, dst_color_range=color_range
    )
    back = frame_from_av(frame, 0).pixels.astype(int)
    assert np.abs(back - pixels).max() <= 3  # 8-bit YUV


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (4096, 16)])
def test_large_frames_are_reduced_to_the_limits(size: tuple[int, int]) -> None:
    limits = SizeLimits(longer=640, shorter=360)
    frame = av.VideoFrame.from_ndarray(picture(*size), format="rgb24")
    height, width, _ = frame_from_av(frame, 0, limits).pixels.shape
    assert (width, height) == fit(*size, limits)
    assert resize(picture(*size), limits).shape == (height, width, 3)
    reduced = frame_to_av(VideoFrame(picture(*size), 0), limits)
    assert abs(reduced.width - width) <= 1
    assert reduced.height >= 2


def test_a_clip_shot_sideways_comes_out_upright(tmp_path: Path) -> None:
    path = tmp_path / "sideways.mp4"
    upright = picture(128, 96)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"qp": "10"})
        stream.width, stream.height, stream.pix_fmt = 96, 128, "yuv420p"
        stream.set_display_rotation(90)
        stored = np.rot90(upright, -1)  # a quarter turn clockwise, undone by the flag
        for index in range(3):
            container.mux(stream.encode(frame_to_av(VideoFrame(stored, index * 3_000))))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    assert abs(frame.rotation) == 90
    shown = frame_from_av(frame, 0).pixels
    assert shown.shape == upright.shape
    assert np.abs(shown.astype(int) - upright).mean() < 4  # lossy codec


@pytest.mark.parametrize("pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_invalid_pixels_are_refused(pixels: Pixels) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 pixels \(height, width, 3\)"):
        frame_to_av(VideoFrame(pixels, 0))


def test_invalid_size_limits_are_refused() -> None:
    with pytest.raises(ValueError, match="16 <= shorter <= longer"):
        SizeLimits(longer=100, shorter=200)

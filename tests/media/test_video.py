from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from hypothesis import given
from hypothesis import strategies as st

from media.files.decoding import decode
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


def coded(levels: list[int], **properties: int) -> av.VideoFrame:
    """Return a frame of gray columns, 16 pixels wide each, with the luma `levels`."""
    luma = np.repeat(np.array(levels, np.uint8), 16)[None].repeat(32, axis=0)
    frame = av.VideoFrame.from_ndarray(np.stack([luma, luma * 0 + 128, luma * 0 + 128]), "yuv444p")
    for name, value in properties.items():
        setattr(frame, name, value)
    return frame


def columns(frame: av.VideoFrame, **options: object) -> list[int]:
    pixels = frame_from_av(frame, 0, **options).pixels  # type: ignore[arg-type]  # for any option
    return [int(value) for value in pixels[16, 8::16, 1]]


def test_limited_and_full_range_are_told_apart() -> None:
    levels = [0, 16, 126, 235, 255]
    assert columns(coded(levels, color_range=ColorRange.MPEG)) == [0, 0, 128, 255, 255]
    assert columns(coded(levels, color_range=ColorRange.JPEG)) == levels
    assert columns(coded(levels)) == [0, 0, 128, 255, 255]


@pytest.mark.parametrize(
    ("size", "webrtc", "expected"),
    [
        ((640, 480), False, Colorspace.ITU601),
        ((720, 576), False, Colorspace.ITU601),
        ((1280, 720), False, Colorspace.ITU709),
        ((608, 1080), False, Colorspace.ITU709),
        ((1280, 720), True, Colorspace.ITU601),
    ],
)
def test_colors_that_a_frame_does_not_specify_are_those_of_its_size(
    size: tuple[int, int], webrtc: bool, expected: Colorspace
) -> None:
    red = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), (200, 40, 30), np.uint8))
    frame = red.reformat(format="yuv420p", dst_colorspace=expected)
    frame.colorspace = 2  # not specified
    pixels = frame_from_av(frame, 0, webrtc=webrtc).pixels
    assert np.abs(pixels[8, 8].astype(int) - (200, 40, 30)).max() <= 3


@pytest.mark.parametrize("colorspace", [0, 2, 8, 10, 11, 12, 14, 15])
def test_a_rare_color_space_is_shown_all_the_same(colorspace: int) -> None:
    assert columns(coded([16, 126, 235], colorspace=colorspace)) == [0, 128, 255]


@pytest.mark.parametrize("transfer", [ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67])
def test_high_dynamic_range_is_mapped(transfer: ColorTrc) -> None:
    """Without it, what is as bright as white paper is a middle gray: codes of PQ and HLG are."""
    code = {ColorTrc.SMPTE2084: 0.581, ColorTrc.ARIB_STD_B67: 0.75}[transfer]
    level = round(16 + 219 * code)
    properties: dict[str, int] = {"color_trc": transfer, "color_primaries": 9, "colorspace": 9}
    shown = columns(coded([16, level, 235], **properties))
    assert shown[0] == 0
    assert 220 < shown[1] < 240
    assert shown[2] == 255


def test_wide_primaries_are_converted() -> None:
    """The green of BT.2020 is beyond that of sRGB: a leaf in it would look gray."""
    green = av.VideoFrame.from_ndarray(np.full((32, 32, 3), (90, 180, 90), np.uint8))
    green.color_primaries, green.color_trc = ColorPrimaries.BT2020, ColorTrc.BT709
    red, green_, blue = frame_from_av(green, 0).pixels[16, 16].astype(int)
    assert green_ - max(red, blue) > 100


@pytest.mark.parametrize("format", ["rgba", "bgra", "yuva420p", "ya8", "gbrap", "rgba64le"])
def test_transparent_video_is_on_white(format: str) -> None:
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[:, 16:, 3] = 255
    frame = av.VideoFrame.from_ndarray(pixels, format="rgba").reformat(format=format)
    shown = frame_from_av(frame, 0).pixels
    assert shown[16, 4].min() >= 254
    assert shown[16, 28].max() <= 2


@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        (Fraction(16, 11), (931, 576)),
        (Fraction(8, 9), (640, 648)),
        (Fraction(1), (640, 576)),
        (Fraction(0), (640, 576)),
        (Fraction(1000), (640, 576)),
    ],
)
def test_pixels_that_are_not_square_are_stretched(aspect: Fraction, size: tuple[int, int]) -> None:
    frame = av.VideoFrame.from_ndarray(picture(640, 576), format="rgb24")
    shown = frame_from_av(frame, 0, aspect=aspect).pixels
    assert shown.shape == (size[1], size[0], 3)
    reduced = frame_from_av(frame, 0, SizeLimits(longer=320, shorter=320), aspect=aspect).pixels
    assert reduced.shape[1] / reduced.shape[0] == pytest.approx(size[0] / size[1], rel=0.01)


@pytest.mark.parametrize("format", ["gray", "gray16le", "gray10le", "monob", "rgb48le"])
def test_gray_of_any_depth_keeps_its_shades(format: str) -> None:
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(32, 0).repeat(3, 2)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(ramp), format="rgb24")
    frame = frame.reformat(format=format, dst_color_range=ColorRange.JPEG)
    shown = frame_from_av(frame, 0).pixels[:, :, 0].astype(int)
    if format == "monob":  # dithered: right on the average
        assert np.abs(shown.reshape(32, 8, 32).mean((0, 2)) - np.arange(16, 256, 32)).max() < 12
    else:
        assert np.abs(shown - ramp[..., 0]).max() <= 2


def test_of_interlaced_video_one_field_is_shown(tmp_path: Path) -> None:
    """A bar that moved between the fields would have the teeth of a comb."""
    path = tmp_path / "interlaced.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=25, options={"x264-params": "tff=1", "qp": "1"}
        )
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        for number in range(4):
            image = np.full((64, 64, 3), 20, np.uint8)
            image[0::2, 8 * number : 8 * number + 16] = 230
            image[1::2, 8 * number + 4 : 8 * number + 20] = 230
            container.mux(stream.encode(frame_to_av(VideoFrame(image, number * 3600))))
        container.mux(stream.encode(None))
    frames = [item for item in decode(path, max_duration=10) if isinstance(item, VideoFrame)]
    assert len(frames) == 4
    for frame in frames:
        assert frame.pixels.shape == (64, 128, 3)
        lines = frame.pixels[8:56].astype(int)
        assert np.abs(np.diff(lines, axis=0)).max() < 60  # with both fields it is over 200
        assert np.ptp(lines, axis=1).min() > 150

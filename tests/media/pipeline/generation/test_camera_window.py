from media.frames import VIDEO_CLOCK_HZ
from media.pipeline.generation.camera_window import CameraWindow
from tests.media.pipeline.scripted import picture


def brightness(camera: CameraWindow) -> list[int]:
    chunk = camera.chunk()
    assert chunk is not None
    return [int(pixels[0, 0, 0]) for pixels in chunk]


def fed(rate: float, count: int) -> CameraWindow:
    camera = CameraWindow(4, 16.0)
    for n in range(count):
        camera.add(picture(round(n * VIDEO_CLOCK_HZ / rate), brightness=n % 256))
    return camera


def test_the_newest_frame_of_each_span_of_a_fast_camera_is_used() -> None:
    assert brightness(fed(32.0, 20)) == [13, 15, 17, 19]


def test_frames_of_a_slow_camera_are_repeated() -> None:
    assert brightness(fed(8.0, 5)) == [2, 3, 3, 4]


def test_one_frame_fills_the_window_and_none_is_none() -> None:
    assert CameraWindow(4, 16.0).chunk() is None
    assert brightness(fed(16.0, 1)) == [0, 0, 0, 0]


def test_stored_frames_do_not_grow() -> None:
    assert len(fed(30.0, 500)._frames) == 4

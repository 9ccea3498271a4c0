import numpy as np

from media.channel import Channel
from media.clock import ReplayClock
from media.counters import Counters
from media.events.hearing import Caption, CaptionWord
from media.frames import VIDEO_CLOCK_HZ, VideoFrame
from media.pipeline.context import SessionContext
from media.pipeline.limits import Limits
from media.pipeline.overlay import CAPTION_SECONDS, CaptionOverlay, overlay, wrap
from media.pipeline.questions import OpenQuestions
from tests.media.pipeline.scripted import picture, scripted_services


def test_text_is_drawn_at_the_bottom_and_nowhere_else() -> None:
    frame = picture(0, height=360, width=640)
    shown_frame, strip = overlay(frame, "ask what you can do", None)
    assert strip is not None
    changed = np.any(shown_frame.pixels != frame.pixels, axis=(1, 2))
    assert changed[-len(strip.alpha) :].any()
    assert not changed[: -len(strip.alpha)].any()
    assert shown_frame.pixels.max() > 200  # the letters
    assert frame.pixels.max() == 40  # the given frame is not changed


def test_a_frame_without_text_passes_untouched() -> None:
    frame = picture(0)
    assert overlay(frame, "", None)[0] is frame


def test_a_long_text_shows_its_last_lines_and_fits_a_tiny_picture() -> None:
    for height, width in ((360, 640), (16, 16), (1, 1), (90, 4)):
        shown_frame, _ = overlay(picture(0, height=height, width=width), "word " * 200, None)
        assert shown_frame.pixels.shape == (height, width, 3)


def test_lines_break_between_words_only() -> None:
    lines = wrap("ask not what your country can do", lambda line: len(line) <= 12)
    assert lines == ["ask not what", "your country", "can do"]
    assert wrap("incomprehensibilities yes", lambda line: len(line) <= 12)[1] == "yes"


async def test_a_final_caption_goes_after_a_while_and_an_unfinished_one_stays() -> None:
    shown: dict[float, bool] = {}

    async def send(output: object) -> None:
        assert isinstance(output, VideoFrame)
        shown[output.time] = bool((output.pixels != 40).any())

    words = (CaptionWord(" hello", 0.0, 0.5),)
    for final in (True, False):
        channel = Channel[VideoFrame | Caption](100)
        await channel.send(Caption(1, words, 1, 0.0, 0.5, 0.5, final))
        for second in range(8):
            await channel.send(picture(second * VIDEO_CLOCK_HZ, height=360, width=640))
        await channel.close()
        with scripted_services() as services:
            context = SessionContext(
                send=send,
                services=services,
                clock=ReplayClock(),
                limits=Limits(),
                questions=OpenQuestions(),
                counters=Counters(),
            )
            await CaptionOverlay(context).run(channel)
        assert shown[CAPTION_SECONDS] is True
        assert shown[7.0] is not final

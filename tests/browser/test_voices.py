"""Two people at one microphone: who speaks, names that are said and given, what is saved."""

import re
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from models.speech.hibari import HibariSynthesizer
from tests.browser.chromium import RATE, Devices, chromium, new_page, sound_file, still_file
from tests.paths import ROOT
from tests.service import service

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ANNA = "Hello everybody, my name is Anna. I have put the red cup on the table next to the window."
LATER = "Thank you very much. I will take the cup away again before we go home tonight."
PRESIDENT = ROOT / "tests/data/speech/jfk.flac"
SENTENCE = 7.8  # seconds of it: as far as "what your country can do for you"


def at_rate(samples: NDArray[np.float32], rate: int) -> NDArray[np.int16]:
    """Return `samples`, mono at `rate`, as the fake microphone plays them."""
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate = rate
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    parts = [out.to_ndarray()[0] for each in (frame, None) for out in resampler.resample(each)]
    return np.concatenate(parts)


def dialogue(folder: Path) -> Path:
    """Return a WAV in which a woman says her name, a man speaks, and she speaks again."""
    voice = HibariSynthesizer()
    with av.open(str(PRESIDENT)) as source:
        (stream,) = source.streams.audio
        man = np.concatenate(
            [
                out.to_ndarray()[0]
                for frame in source.decode(stream)
                for out in AudioResampler("flt", "mono", stream.rate).resample(frame)
            ]
        )
        man = at_rate(man[: round(SENTENCE * stream.rate)], stream.rate)
    pause = np.zeros(round(1.5 * RATE), np.int16)
    said = [at_rate(voice.synthesize(text), voice.rate) for text in (ANNA, LATER)]
    parts = [np.zeros(3 * RATE, np.int16), said[0], pause, man, pause, said[1], pause]
    return sound_file(folder / "dialogue.wav", np.concatenate(parts))


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    devices = Devices(still_file(tmp_path), dialogue(tmp_path))
    with service(busy="0") as running, chromium(devices) as browser:
        page, witness = new_page(browser, allowed=True)
        page.goto(running.url)
        expect(page.locator("[data-part=start]")).to_be_enabled()
        page.locator("[data-part=talk]").uncheck()  # what the microphone says is no question
        page.locator("[data-part=start]").click()
        yield page
        assert witness.errors == []


def test_two_voices_are_told_apart_named_and_saved(page: Page) -> None:
    labels = page.locator(".caption .speaker")
    page.locator(".caption.final", has_text="home").wait_for()
    expect(page.locator(".caption.final", has_text="Americans").first.locator("b")).to_have_text(
        re.compile("speaker 2")
    )
    expect(page.locator(".caption.final", has_text="home").locator("b")).to_have_text("Anna")
    expect(page.locator(".caption.final", has_text="my name").locator("b")).to_have_text("Anna")
    question = page.locator("[data-part=question]")
    question.fill("Speaker 2 is Jack")
    question.press("Enter")
    expect(labels.filter(has_text="Jack").first).to_be_visible()
    expect(labels.filter(has_text="speaker 2")).to_have_count(0)
    question.fill("What did Anna say about the cup?")
    question.press("Enter")
    expect(page.locator(".answer", has_text="red cup").first).to_be_visible()
    page.get_by_text("Save", exact=True).click()
    with page.expect_download() as download:
        page.locator("[data-part=download]").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert "<v Anna>" in text
    assert "<v Jack>" in text
    assert "speaker 2" not in text
    question.fill("Was siehst du?")
    question.press("Enter")
    expect(page.locator(".exchange", has_text="Was siehst du?").locator(".answer")).to_have_text(
        re.compile("^Ich sehe ")
    )

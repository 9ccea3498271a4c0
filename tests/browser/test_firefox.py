"""The page in Firefox: each main flow once, with a scripted service and Firefox's own fake devices.

By hand: `apt-get install firefox-esr`, then `pytest tests/browser/test_firefox.py`.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.browser.firefox import DENIED, PROGRAM, Firefox, firefox
from tests.media.pipeline.generation.scripted_generator import ScriptedGenerator
from tests.patience import PATIENCE
from tests.web.served import Served, scripted_models, served
from web.config import Settings

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="Firefox is not installed: firefox-esr of Debian"),
]

MOUNT = """(async () => {
    document.body.innerHTML = await (await fetch("page.html")).text();
    (await import("./page.js")).mount(document.body);
})()"""
STATE = "document.querySelector('.eyeline').dataset.state"


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    settings = Settings(resume_timeout=PATIENCE, call_timeout=PATIENCE, connect_timeout=PATIENCE)
    with (
        scripted_models(generator=ScriptedGenerator()) as models,
        served(settings, models) as service,
    ):
        yield service


@contextmanager
def page(service: Served, **preferences: int) -> Iterator[Firefox]:
    """The page in a Firefox of its own."""
    with firefox(**preferences) as browser:
        browser.open(f"{service.http}/static/index.html")
        browser.run(MOUNT)
        yield browser


def part(name: str) -> str:
    return f"document.querySelector('[data-part={name}]')"


def click(browser: Firefox, name: str) -> None:
    browser.wait(f"!{part(name)}.disabled && !{part(name)}.hidden")
    browser.run(f"void {part(name)}.click()")


def fill(browser: Firefox, name: str, text: str) -> None:
    browser.wait(f"!{part(name)}.disabled")
    browser.run(f"void ({part(name)}.value = {json.dumps(text)})")


QUESTION = "what is there?"
ASKED = "[...document.querySelectorAll('.exchange')].map((each) => each.dataset.question ?? '')"


def count(selector: str) -> str:
    return f"document.querySelectorAll('{selector}').length"


def ask(browser: Firefox, question: str) -> str:
    """Return the answer to a typed question."""
    before = browser.run(count(".exchange"))
    fill(browser, "question", question)
    click(browser, "send")
    answered = f"{count('.exchange[aria-busy=false]')} > {before}"
    browser.wait(answered)
    answer: str = browser.run("[...document.querySelectorAll('.exchange')].at(-1).innerText")
    return answer


def test_a_call_with_captions_a_question_drawing_exports_and_a_reload(service: Served) -> None:
    with page(service) as browser:
        click(browser, "start")
        browser.wait(f"{STATE} === 'live'")
        browser.wait(f"{part('generated')}.videoWidth > 0")  # the camera's frames come back
        browser.wait(count(".caption"))
        assert "seen" in ask(browser, QUESTION)
        browser.wait(f"/^\\d+ ms$/.test({part('round-trip')}.textContent)")
        browser.wait(f"{part('quality')}.textContent")
        browser.run("void document.querySelector('[data-tab=draw]').click()")
        fill(browser, "prompt", "a duck on grass")
        click(browser, "draw-begin")
        browser.wait(f"{part('stage')}.dataset.generated === 'on'")
        browser.wait(f"!{part('path-canvas')}.hidden")
        browser.drag("[data-part=path-canvas]")
        browser.wait(f"!{part('track-undo')}.disabled")
        click(browser, "draw-end")
        browser.run(
            """void (URL.createObjectURL = (file) => {
                file.text().then((text) => (window.saved = text));
                return "#";
            })"""
        )
        click(browser, "mute")  # ends the turn: the tone itself never pauses
        browser.wait(f"{STATE} === 'muted'")
        click(browser, "download")
        assert browser.wait("window.saved").startswith("WEBVTT")
        asked = Counter(browser.run(ASKED))
        browser.reload()
        browser.run(MOUNT)
        browser.wait(f"{STATE} === 'muted' || !{part('resume')}.hidden")
        if browser.run(f"{STATE} !== 'muted'"):
            click(browser, "resume")
            browser.wait(f"{STATE} === 'muted'")
        again = Counter(browser.run(ASKED))
        assert again >= asked  # nothing is lost; a spoken turn may have ended meanwhile
        assert again[QUESTION] == asked[QUESTION] == 1  # nothing is there twice
        click(browser, "stop")
        browser.wait(f"{STATE} === 'ended'")
        assert browser.errors == []


def test_a_denied_camera_is_told_and_the_sample_clip_is_sent_in_its_place(service: Served) -> None:
    denied: dict[str, int] = {"media__navigator__permission__disabled": False}
    denied |= {f"permissions__default__{device}": DENIED for device in ("camera", "microphone")}
    with page(service, **denied) as browser:
        click(browser, "start")
        told = browser.wait(f"!{part('problem')}.hidden && {part('problem')}.innerText")
        assert "no permission to use the camera" in told
        click(browser, "offer-sample")
        browser.wait(f"{STATE} === 'live'")
        browser.wait(f"{part('generated')}.videoWidth > 0")
        browser.wait(count(".caption"))  # its sound is sent, also on a machine that plays none
        assert browser.errors == []

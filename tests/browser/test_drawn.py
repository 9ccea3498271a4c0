"""Drawing on the page as a person does it: a real service with a tiny model of random weights."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from models.generation.small.generator import load
from tests.browser.chromium import Devices, chromium, microphone_file, new_page, still_file
from tests.models.generation import tiny
from tests.web.served import scripted_models, served
from web.config import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MOUNTED = """async () => {
    document.body.innerHTML = await (await fetch("page.html")).text();
    const style = Object.assign(document.createElement("link"), { rel: "stylesheet" });
    const styled = new Promise((done) => style.addEventListener("load", done));
    document.head.append(Object.assign(style, { href: "page.css" }));
    await styled;
    (await import("./page.js")).mount(document.body);
}"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("model")
    tiny.files(folder)
    # A busy machine is no broken call; a page that is closed leaves no call that draws.
    settings = Settings(call_timeout=60, connect_timeout=60, resume_timeout=0)
    with (
        scripted_models(generator=load(folder)) as models,
        served(settings, models) as service,
    ):
        yield service.http


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("devices")
    with chromium(
        Devices(still_file(folder), microphone_file(folder, lead=30), repeat=True)
    ) as browser:
        yield browser


@pytest.fixture(scope="module")
def call(browser: Browser, url: str) -> Iterator[Page]:
    """The page in a call, with its Draw tab; what goes wrong in it fails the tests."""
    page, witness = new_page(browser, allowed=True)
    page.goto(f"{url}/static/index.html")
    page.evaluate(MOUNTED)
    part(page, "start").click()
    expect(page.locator(".eyeline")).to_have_attribute("data-state", "live")
    page.get_by_role("tab", name="Draw").click()
    yield page
    page.context.close()
    assert witness.errors == []
    assert witness.hosts == {"127.0.0.1"}


@pytest.fixture
def page(call: Page) -> Page:
    """The same where it draws."""
    part(call, "prompt").fill("a duck on grass, moving to the left")
    part(call, "prompt").press("Enter")
    wait_for_shape(call, "square")
    return call


def part(page: Page, name: str) -> Locator:
    return page.locator(f"[data-part={name}]")


def wait_for_shape(page: Page, shape: str) -> None:
    """Wait until the returned picture is `shape`: square where it is drawn, wide where not."""
    page.wait_for_function(
        """shape => {
            const { videoWidth, videoHeight } = document.querySelector('[data-part=generated]');
            return videoWidth && (videoWidth === videoHeight ? 'square' : 'wide') === shape;
        }""",
        arg=shape,
    )


def test_a_prompt_and_a_drawn_path_return_a_video(page: Page) -> None:
    expect(part(page, "draw-state")).to_have_text("Drawing")
    expect(part(page, "draw-remarks")).to_contain_text("from the words: left")
    expect(part(page, "draw-fps")).to_have_text(re.compile(r"^[1-9]\d* fps$"))
    expect(part(page, "generated-what")).to_contain_text("a small model")
    box = part(page, "path-canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for n in range(10):
        page.mouse.move(x + 4 * n, y)
    page.mouse.up()
    expect(part(page, "draw-delay")).to_have_text(re.compile(r"^\d+ ms$"))
    part(page, "draw-end").click()
    wait_for_shape(page, "wide")
    expect(part(page, "path-canvas")).to_be_hidden()


def test_a_prompt_without_words_is_refused_beside_the_box_and_drawing_goes_on(page: Page) -> None:
    part(page, "prompt").fill("🦆")
    part(page, "draw-begin").click()
    expect(part(page, "draw-remarks")).to_contain_text("expected words")
    expect(part(page, "problem")).to_be_hidden()
    expect(part(page, "draw-state")).to_have_text("Drawing")


def test_generated_video_is_saved_to_a_file_that_plays(page: Page, tmp_path: Path) -> None:
    part(page, "record").click()
    expect(part(page, "draw-pictures")).to_have_text(re.compile(r"^\d+$"))
    before = int(part(page, "draw-pictures").inner_text())
    page.wait_for_function(
        "goal => Number(document.querySelector('[data-part=draw-pictures]').innerText) >= goal",
        arg=before + 32,
    )
    with page.expect_download() as download:
        part(page, "record").click()
    download.value.save_as(tmp_path / "made.webm")
    with av.open(str(tmp_path / "made.webm")) as container:
        frames = list(islice(container.decode(video=0), 4))
    assert len(frames) >= 2
    assert frames[-1].width == frames[-1].height

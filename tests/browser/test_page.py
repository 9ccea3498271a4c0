"""The demo page as a person uses it: a served page, real weights, a camera and a microphone."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import gradio
import jiwer
import pytest
import webvtt
from playwright.sync_api import Browser, Locator, Page, Playwright, expect, sync_playwright
from whisper_normalizer.english import EnglishTextNormalizer

from tests.browser.chromium import (
    SPOKEN,
    SPOKEN_END,
    Devices,
    Witness,
    launched,
    microphone_file,
    new_page,
    slides_file,
)
from tests.service import service

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LEAD = 3.0  # seconds of silence before the speech: the call is live by then
PICTURES = Path(gradio.__file__).parent / "media_assets" / "images"
ROUNDS = 4  # of its text that the microphone may speak until the machine hears one whole
normalize = EnglishTextNormalizer()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with service(busy="0", resume_timeout="0") as running:  # a closed page leaves nothing behind
        yield running.url


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, driver: Playwright) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("devices")
    # Few frames a second leave the machine to the models.
    camera = slides_file(folder, [PICTURES / "tower.jpg"], seconds=2, fps=10)
    devices = Devices(camera, microphone_file(folder, lead=LEAD), repeat=True)
    with launched(driver, devices) as browser:
        yield browser


@pytest.fixture
def tab(browser: Browser, url: str) -> Iterator[tuple[Page, Witness]]:
    """The page in a browser that may use the camera; what goes wrong in it fails the test."""
    page, witness = opened(browser, url, allowed=True)
    yield page, witness
    page.context.close()
    assert witness.errors == []
    assert witness.hosts == {"localhost"}


@pytest.fixture
def watching(url: str, tmp_path: Path, driver: Playwright) -> Iterator[Page]:
    """The page in a browser whose camera sees one thing after another, over and over."""
    shown = [PICTURES / "tower.jpg", PICTURES / "cheetah1.jpg"]
    slides = slides_file(tmp_path, shown, seconds=5)
    devices = Devices(slides, microphone_file(tmp_path, lead=LEAD), repeat=True)
    with launched(driver, devices) as browser:
        page, witness = opened(browser, url, allowed=True)
        yield page
        assert witness.errors == []


@pytest.fixture
def page(tab: tuple[Page, Witness]) -> Page:
    return tab[0]


def opened(browser: Browser, url: str, *, allowed: bool) -> tuple[Page, Witness]:
    page, witness = new_page(browser, allowed=allowed)
    page.goto(url)
    expect(part(page, "start")).to_be_enabled()
    part(page, "talk").uncheck()  # what the microphone says is no question
    return page, witness


def part(page: Page, name: str) -> Locator:
    return page.locator(f"[data-part={name}]")


def start(page: Page, button: str = "start") -> None:
    part(page, button).click()
    expect(page.locator(".eyeline")).to_have_attribute("data-state", "live")


def finals(page: Page) -> list[tuple[float, str]]:
    """Return the final lines on the page with their times in seconds; who speaks may come later."""
    lines = page.locator(".caption.final").evaluate_all(
        """items => items.map((item) => {
            const words = item.querySelector('p').cloneNode(true);
            words.querySelectorAll('b').forEach((speaker) => speaker.remove());
            return [item.querySelector('time').dateTime, words.textContent];
        })"""
    )
    return [(float(re.sub(r"[PTS]", "", time)), " ".join(text.split())) for time, text in lines]


def finals_of_a_round(page: Page) -> list[tuple[float, str]]:
    """Return the final lines once the microphone, which repeats, speaks its text again."""
    page.locator(".caption.final").first.wait_for()
    page.wait_for_function(
        """seconds => {
            const at = [...document.querySelectorAll('.caption time')].map(
                (time) => Number(time.dateTime.replace(/[PTS]/g, '')));
            return at.length && at.at(-1) > at[0] + seconds;
        }""",
        arg=SPOKEN_END + 1,
    )
    return finals(page)


def frames(page: Page) -> int:
    """Return how many returned frames were shown, counted from the first call of this."""
    count: int = page.evaluate(
        """() => {
            const video = document.querySelector('[data-part=generated]');
            if (window.shownFrames === undefined) {
                window.shownFrames = 0;
                const count = () => {
                    window.shownFrames += 1;
                    video.requestVideoFrameCallback(count);
                };
                video.requestVideoFrameCallback(count);
            }
            return window.shownFrames;
        }"""
    )
    return count


def wait_for_frames(page: Page, more: int) -> None:
    page.wait_for_function("goal => window.shownFrames >= goal", arg=frames(page) + more)


def live_sessions(page: Page, url: str) -> list[str]:
    sessions = page.request.get(f"{url}/sessions").json()["sessions"]
    return [session["id"] for session in sessions if session["state"] == "live"]


def wait_for_sessions(page: Page, count: int) -> None:
    page.wait_for_function(
        """async (count) => {
            const { sessions } = await (await fetch('/sessions')).json();
            return sessions.filter((session) => session.state === 'live').length === count;
        }""",
        arg=count,
    )


def test_captions_appear_on_the_page_and_in_the_file_and_video_returns(
    page: Page, url: str
) -> None:
    start(page)
    wait_for_frames(page, 25)
    width: int = part(page, "generated").evaluate("video => video.videoWidth")
    assert width > 0
    expect(page.locator(".caption.partial .light").first).to_be_visible()
    lines = finals_of_a_round(page)
    for _ in range(ROUNDS):  # a machine that falls behind leaves sound out, and says so
        if "sound" not in (part(page, "dropped").text_content() or ""):
            break
        part(page, "stop").click()
        wait_for_sessions(page, 0)
        page.reload()
        start(page)
        lines = finals_of_a_round(page)
    first_round = [text for time, text in lines if time < lines[0][0] + SPOKEN_END]
    wer = jiwer.wer(normalize(SPOKEN), normalize(" ".join(first_round)))
    # Live, by a small model, of a speaker who stops within sentences: offline it is 0.
    assert wer <= 0.25, (first_round, part(page, "dropped").text_content())
    page.get_by_text("Save", exact=True).click()
    with page.expect_download() as download:
        part(page, "download").click()
    assert download.value.suggested_filename.endswith(".vtt")
    cues = webvtt.from_buffer(io.StringIO(Path(download.value.path()).read_text()))
    in_file = normalize(" ".join(cue.text for cue in cues.captions))
    assert in_file.startswith(normalize(" ".join(first_round)))
    wait_for_sessions(page, 1)
    part(page, "stop").click()
    wait_for_sessions(page, 0)
    expect(part(page, "state")).to_have_text("Stopped")
    assert finals(page)[: len(first_round)] == lines[: len(first_round)]


def test_the_status_line_tells_frames_delay_and_rates(page: Page) -> None:
    start(page)
    page.locator(".caption").first.wait_for()
    expect(part(page, "fps")).to_have_text(re.compile(r"^[1-9]\d* / [1-9]\d* fps$"))
    expect(part(page, "round-trip")).to_have_text(re.compile(r"^\d+ ms$"))
    expect(part(page, "loss")).to_have_text(re.compile(r"^[\d.]+ %$"))
    expect(part(page, "bitrate")).to_have_text(re.compile(r"\d+ / \d+ kbit/s"))
    expect(part(page, "lag")).to_have_text(re.compile(r"^\d+\.\d s$"))
    expect(part(page, "dropped")).not_to_have_text("–")
    expect(part(page, "notices")).to_contain_text("tiny.en")
    expect(part(page, "model-name")).to_have_text("Small model")
    expect(part(page, "hint-limits")).to_contain_text("a few actions")


def test_moments_are_remembered_answers_link_to_them_and_requests_are_announced(
    watching: Page,
) -> None:
    page = watching
    start(page)
    part(page, "mute").click()
    request = "Tell me whenever you see a cheetah"
    ask(page, request)
    expect(part(page, "requests")).to_contain_text(request)
    unasked = page.locator(".exchange.unasked").first
    expect(unasked).to_contain_text(request)
    expect(unasked.locator(".answer")).to_contain_text("heetah")
    page.get_by_role("button", name=f"Stop: {request}").click()
    expect(part(page, "requests")).to_be_hidden()
    ask(page, "When did you last see the cheetah?")
    answer = page.locator(".exchange", has_text="When did you last see")
    answer.locator(".evidence img").first.wait_for()
    thumbnail = answer.locator(".evidence button").first
    time = thumbnail.locator("time").inner_text()
    thumbnail.click()
    scene = page.locator(".moments [aria-current=true]")
    expect(scene).to_be_focused()
    first, last = (float(scene.get_attribute(f"data-{end}") or "nan") for end in ("from", "to"))
    minutes, seconds = map(int, time.split(":"))
    # A frame that is not remembered is shown by the moment nearest to it.
    assert first - 2 <= 60 * minutes + seconds <= last + 1
    assert page.locator(".moments img").count() >= 2


def ask(page: Page, question: str) -> None:
    """Ask, and wait for the answer to be complete."""
    part(page, "question").fill(question)
    part(page, "question").press("Enter")
    asked = page.locator(".exchange", has_text=question).last
    expect(asked).to_have_attribute("aria-busy", "false")
    assert asked.locator(".answer").inner_text().strip()


def test_a_muted_microphone_gives_no_captions_until_it_is_unmuted(page: Page) -> None:
    start(page)
    part(page, "mute").click()
    expect(part(page, "state")).to_have_text(re.compile("^(Live|Behind), muted$"))
    # The microphone speaks LEAD seconds after it was opened, which was before the call.
    page.wait_for_function(
        """end => {
            const time = document.querySelector('[data-part=time]').textContent;
            return Number(time.split(':')[1]) >= end;
        }""",
        arg=LEAD + 4,
    )
    assert page.locator(".caption").count() == 0
    part(page, "mute").click()
    expect(part(page, "state")).to_have_text(re.compile("^(Live|Behind)$"))
    page.locator(".caption").first.wait_for()


def test_without_a_camera_the_page_says_why_and_offers_the_sample_clip(
    browser: Browser, url: str
) -> None:
    page, witness = opened(browser, url, allowed=False)
    part(page, "start").click()
    expect(part(page, "problem")).to_contain_text("no permission to use the camera")
    expect(part(page, "problem")).to_contain_text("address bar")
    start(page, "offer-sample")
    expect(part(page, "camera-name")).to_have_text("Sample clip")
    wait_for_frames(page, 25)
    page.wait_for_function(
        "document.querySelector('[data-part=stream]')?.innerText.toLowerCase().includes('americans')"
    )
    part(page, "stop").click()
    wait_for_sessions(page, 0)
    page.context.close()
    assert witness.errors == []


def test_over_plain_http_from_afar_the_page_says_how_to_get_a_camera(
    browser: Browser, url: str
) -> None:
    page, _ = new_page(browser, allowed=True)
    # What a browser does with a page that is neither https nor local.
    page.add_init_script("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    page.goto(url)
    part(page, "start").click()
    expect(part(page, "problem")).to_contain_text("https")
    expect(part(page, "problem")).to_contain_text("ssh -L")
    expect(part(page, "offer-sample")).to_be_visible()
    page.context.close()


def test_two_tabs_are_two_sessions_and_leaving_one_leaves_the_other(
    browser: Browser, page: Page, url: str
) -> None:
    other, _ = opened(browser, url, allowed=True)
    start(page)
    start(other)
    wait_for_sessions(page, 2)
    other.goto("about:blank")  # leaves without Stop
    wait_for_sessions(page, 1)
    wait_for_frames(page, 25)
    other.context.close()


def test_a_call_that_the_server_ends_can_be_taken_up_again(
    tab: tuple[Page, Witness], url: str
) -> None:
    page, witness = tab
    others = live_sessions(page, url)  # of pages that were closed without a word
    start(page)
    page.locator(".caption.final").first.wait_for()
    before = finals(page)
    [session] = set(live_sessions(page, url)).difference(others)
    page.request.delete(f"{url}/sessions/{session}")
    expect(part(page, "state")).to_have_text("Connection lost")
    start(page, "reconnect")
    expect(part(page, "problem")).to_be_hidden()
    page.wait_for_function("n => document.querySelectorAll('.final').length > n", arg=len(before))
    after = finals(page)
    assert after[: len(before)] == before
    assert after[len(before)][0] > before[-1][0]
    # The page asks whether the session waits for it; the browser itself logs the refusal.
    (refused,) = witness.errors
    assert "409" in refused
    witness.errors.clear()


def test_the_bare_client_shows_captions_and_the_returned_picture(
    browser: Browser, url: str
) -> None:
    page, witness = new_page(browser, allowed=True)
    page.goto(f"{url}/static/index.html")
    page.click("#start")
    expect(page.locator("#state")).to_contain_text("live")
    page.locator("#captions li").first.wait_for()
    page.wait_for_function("document.querySelector('#returned').videoWidth > 0")
    page.click("#stop")
    wait_for_sessions(page, 0)
    page.context.close()
    assert witness.errors == []
    assert witness.hosts == {"localhost"}

"""What lasts on the page: files of a conversation, past sessions, settings, kept calls."""

import asyncio
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import webvtt
from playwright.sync_api import Locator, Page, expect

from tests.browser.bare_page import ANSWERED
from tests.browser.chromium import Witness, chromium, new_page
from tests.browser.test_modules import caption
from tests.npm_packages import npm_packages
from tests.web.assistants import KeepingAssistant
from tests.web.rest.test_recordings import recorded
from tests.web.served import Served, scripted_models, served
from web.config import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHOW = """async () => {
    document.documentElement.lang = "en";
    document.title = "eyeline";
    document.body.innerHTML = await (await fetch("page.html")).text();
    const style = document.createElement("link");
    Object.assign(style, { rel: "stylesheet", href: "page.css" });
    const styled = new Promise((done) => (style.onload = done));
    const icon = document.querySelector("link[rel=icon]"); // or the browser looks for favicon.ico
    document.head.replaceChildren(icon, style);
    document.body.style = "margin: 0; max-width: none; padding: 0";
    await styled;
    (await import("./page.js")).mount(document.body);
}"""
JPEG = "data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ=="
MOMENT = {"number": 1, "time": 1.5, "text": "a <cup> & [more]"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Served]:
    with (
        scripted_models(assistant=KeepingAssistant()) as models,
        served(Settings(recordings=folder), models) as service,
    ):
        yield service


@pytest.fixture(scope="module")
def past(service: Served) -> tuple[str, str]:
    """The ids of two recordings: Playwright's driver has the event loop later on."""
    return asyncio.run(record(service)), asyncio.run(record(service))


@pytest.fixture(scope="module")
def tab(service: Served, past: tuple[str, str]) -> Iterator[tuple[Page, Witness]]:
    with chromium(None) as browser:
        page, witness = new_page(browser, allowed=False, base_url=service.http)
        yield page, witness
        assert witness.hosts == {"127.0.0.1"}


@pytest.fixture
def page(tab: tuple[Page, Witness]) -> Iterator[Page]:
    """The page's markup and modules, at a desk's size; what goes wrong in it fails the test."""
    page, witness = tab
    page.set_viewport_size({"width": 1440, "height": 900})
    show(page)
    yield page
    assert witness.errors == []


def show(page: Page) -> None:
    page.goto("/static/index.html")
    page.evaluate(SHOW)


def part(page: Page, name: str) -> Locator:
    return page.locator(f"[data-part={name}]")


def sessions(page: Page) -> Locator:
    """Open the tab of past sessions, and return its list."""
    page.locator("[data-tab=sessions]").click()
    return page.locator(".past li")


async def record(service: Served) -> str:
    async with recorded(service) as id:
        pass
    return id


ENTRIES: list[dict[str, Any]] = [
    {"type": "eyeline.memory.moment", **MOMENT, "image": JPEG},
    {"type": "eyeline.memory.moment", "number": 2, "time": 2.0, "text": "nobody", "image": None},
    {"type": "eyeline.caption", **caption(1, "Where is *my* <cup>?"), "language": "en"},
    {"type": "question", "id": "a", "text": "Where is *my* <cup>?", "time": 2.0, "pictures": 0},
    {
        "type": "answer",
        "id": "a",
        "text": "On the table.",
        "time": 2.0,
        "status": "completed",
        "reason": "",
        "moments": [MOMENT],
    },
    {
        "type": "eyeline.caption",
        **caption(2, "Il y a une tasse", start=4.0),
        "language": "fr",
    },
    {
        "type": "eyeline.translation",
        "turn": 2,
        "text": "There is a cup",
        "stable": "There is a cup",
        "language": "fr",
        "final": True,
    },
    {
        "type": "eyeline.speakers",
        "speakers": [{"number": 1, "name": "Anna"}, {"number": 2, "name": "speaker 2"}],
        "corrected": [{"turn": 2, "speakers": [2, 2, 2, 2, 2]}],
    },
    {"type": "question", "id": "b", "text": "What\r\n- else?", "time": 8.0, "pictures": 0},
    {
        "type": "answer",
        "id": "b",
        "text": "",
        "time": 8.0,
        "status": "failed",
        "reason": "no model",
        "moments": [],
    },
    {
        "type": "request_met",
        "request": "Tell me when",
        "text": "Now.",
        "moment": {"number": 2, "time": 9.0, "text": "nobody"},
    },
]


def test_what_was_said_is_saved_with_speakers_and_translations(page: Page) -> None:
    made = page.evaluate(
        """async (entries) => {
            const { TRANSCRIPTS, captionsOf } = await import("./lasting/transcript.js");
            const list = captionsOf(entries);
            return Object.entries(TRANSCRIPTS).map(([name, { write }]) => [name, write(list)]);
        }""",
        ENTRIES,
    )
    files = dict(made)
    vtt = webvtt.from_buffer(io.StringIO(files["vtt"])).captions
    srt = webvtt.from_buffer(io.StringIO(files["srt"]), format="srt").captions
    assert [cue.voice for cue in vtt] == ["Anna", "speaker 2", None]
    assert [cue.text for cue in vtt][1:] == ["Il y a une tasse", "There is a cup"]
    assert (vtt[1].start, vtt[1].end) == (vtt[2].start, vtt[2].end)
    assert [cue.raw_text for cue in srt] == [
        "Anna: Where is *my* <cup>?",
        "speaker 2: Il y a une tasse",
        "There is a cup",
    ]
    assert files["txt"] == (
        "Anna: Where is *my* <cup>?\nspeaker 2: Il y a une tasse\n(There is a cup)\n"
    )
    first, second = json.loads(files["json"])
    assert first["words"][0] == {"text": "Where", "start": 0.0, "end": 0.4, "speaker": "Anna"}
    assert (second["language"], second["english"]) == ("fr", "There is a cup")


def test_the_conversation_and_its_moments_are_saved_and_nothing_in_them_is_markup(
    page: Page,
) -> None:
    text, packed = page.evaluate(
        """async (entries) => {
            const { markdownOf } = await import("./lasting/transcript.js");
            const { momentsFile } = await import("./lasting/moments_file.js");
            const file = momentsFile(entries, "A <title>", new Date(2026, 10, 30, 12, 30, 8));
            const bytes = [...new Uint8Array(await file.arrayBuffer())];
            return [markdownOf(entries, "A title"), bytes];
        }""",
        ENTRIES,
    )
    assert text.split("\n\n") == [
        "# A title",
        r"0:00 *Anna:* Where is \*my\* \<cup\>?",
        "**Answer:** On the table.  \nBased on: 0:01 a \\<cup\\> \\& \\[more\\]",
        "0:04 *speaker 2:* Il y a une tasse\n> There is a cup",
        "**0:08 You asked:** What - else?",
        "**Answer:**  *(no model)*",
        "**0:09 As you asked (Tell me when):** Now.\n",
    ]
    with zipfile.ZipFile(io.BytesIO(bytes(packed))) as files:
        assert files.testzip() is None
        assert files.namelist() == ["index.html", "moments.json", "pictures/00001.jpg"]
        assert files.infolist()[0].date_time == (2026, 11, 30, 12, 30, 8)
        assert files.read("pictures/00001.jpg").startswith(b"\xff\xd8\xff")
        index = json.loads(files.read("moments.json"))
        assert [each["file"] for each in index] == ["pictures/00001.jpg", None]
        html = files.read("index.html").decode()
    assert "<cup>" not in html
    assert "<title>A &#60;title&#62;</title>" in html


def test_a_past_session_is_opened_asked_played_saved_and_deleted(
    page: Page, past: tuple[str, str], folder: Path
) -> None:
    id, cut = past
    (folder / cut / "summary.json").unlink()
    listed = sessions(page)
    expect(listed).to_have_count(2)
    expect(listed.filter(has_text="cut off")).to_have_count(1)
    listed.filter(has_text="one two").get_by_role("button").click()
    opened = page.locator(".opened")
    expect(opened.locator(".caption")).to_contain_text("one two three")
    expect(opened.locator(".stream .answer")).to_contain_text("You asked: one two three")
    expect(opened.locator(".stream .question")).to_have_count(0)  # it is the caption
    opened.get_by_label("Ask about this session").fill("What was there?")
    opened.get_by_label("Ask about this session").press("Enter")
    expect(opened.locator(".asked .answer")).to_contain_text("(2 seen")
    expect(opened.locator(".asked .because")).to_have_text("From the memory that was recorded.")
    opened.locator(".asked .evidence button").last.click()
    page.wait_for_function("document.querySelector('.opened video').currentTime > 0")
    opened.locator(".save summary").click()
    with page.expect_download() as started:
        opened.get_by_role("button", name="Moments (ZIP)").click()
    assert started.value.suggested_filename == f"{id}-moments.zip"
    with zipfile.ZipFile(started.value.path()) as files:
        assert len(files.namelist()) == 4
    opened.locator(".save summary").click()
    for name, sure in (("Rebuild", "It was rebuilt."), ("Delete", "")):
        opened.get_by_role("button", name=name, exact=True).click()
        expect(opened.get_by_role("button", name="Keep it")).to_be_focused()
        opened.get_by_role("button", name=name, exact=True).click()
        if sure:
            expect(opened.get_by_role("status")).to_have_text(sure)
    expect(listed).to_have_count(1)
    assert not (folder / id).exists()


def call(page: Page, id: str, words: str) -> None:
    """Be in a call in which `words` are said."""
    page.evaluate(ANSWERED)
    part(page, "sample").check()
    part(page, "start").click()
    expect(page.locator(".eyeline")).to_have_attribute("data-state", "live")
    page.evaluate(
        """([id, caption, moment]) => {
            const told = (type, fields) => say("event", { type, ...fields });
            told("session.created", { session: { id } });
            say("caption", caption);
            say("moment", moment);
            const content = [{ type: "input_text", text: "Where is it?" }];
            const item = { id: "i", type: "message", role: "user", content };
            told("conversation.item.added", { item });
            told("eyeline.answer.evidence", { response_id: "r", moments: [moment] });
            const output = [{ content: [{ text: "There." }] }];
            told("response.done", { response: { id: "r", status: "completed", output } });
        }""",
        [id, caption(1, words), {**MOMENT, "image": JPEG, "event_id": "event_1"}],
    )


def test_a_call_is_kept_in_this_browser_over_a_reload_and_the_next_call(page: Page) -> None:
    call(page, "sess_a", "ask not")
    part(page, "stop").click()
    call(page, "sess_b", "what your country")
    kept = page.locator(".past li").filter(has_text="in this browser")
    sessions(page)
    expect(kept).to_have_count(2)  # so it is written
    show(page)  # the page is loaded again in the middle of the call
    page.get_by_role("button", name="Open your last call").click()
    opened = page.locator(".opened")
    expect(opened.locator(".caption")).to_contain_text("what your country")
    expect(opened.locator(".stream .question")).to_have_text("Where is it?")
    expect(opened.locator(".stream .answer")).to_have_text("There.")
    expect(opened.locator(".stream .evidence img")).to_have_count(1)
    expect(opened.locator("form")).to_have_count(0)  # its memory is gone
    opened.get_by_role("button", name="All sessions").click()
    expect(kept).to_have_count(2)
    kept.filter(has_text="what your country").get_by_role("button").click()
    opened.get_by_role("button", name="Delete").click()
    opened.get_by_role("button", name="Delete").click()
    expect(kept).to_have_count(1)


def test_what_was_cleared_before_the_page_was_loaded_again_is_in_no_file(page: Page) -> None:
    call(page, "sess_c", "ask not")
    page.evaluate("say('event', { type: 'page.cleared' })")  # as the journal has it
    page.evaluate("(caption) => say('caption', caption)", caption(2, "what your country"))
    page.get_by_text("Save", exact=True).click()
    with page.expect_download() as download:
        part(page, "download").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert "what your country" in text
    assert "ask not" not in text


BROKEN = ["{", "[]", '"yes"', "3", "null", '{"talk": true}']


def test_settings_are_kept_and_broken_ones_are_as_none(page: Page) -> None:
    expect(part(page, "talk")).to_be_checked()
    part(page, "talk").uncheck()
    show(page)
    expect(part(page, "talk")).not_to_be_checked()
    read = """async (values) => {
        const { isObject, isSwitch, kept } = await import("./store.js");
        return values.map((value) => {
            localStorage["eyeline.talk"] = value;
            return kept("talk", isSwitch) ?? null;
        });
    }"""
    assert page.evaluate(read, [*BROKEN, "false"]) == [None] * len(BROKEN) + [False]
    page.evaluate("localStorage['eyeline.talk'] = localStorage['eyeline.language'] = '[{'")
    show(page)
    expect(part(page, "talk")).to_be_checked()
    expect(part(page, "start")).to_be_enabled()


def test_a_browser_that_refuses_storage_works_and_says_so(page: Page) -> None:
    page.goto("/static/index.html")
    page.evaluate(
        """() => {
            for (const name of ["getItem", "setItem"])
                Storage.prototype[name] = () => { throw new DOMException("no", "SecurityError"); };
            IDBFactory.prototype.open = () => { throw new DOMException("no", "SecurityError"); };
        }"""
    )
    page.evaluate(SHOW)
    part(page, "talk").uncheck()
    call(page, "sess_c", "ask not")
    expect(page.locator("#eyeline-stream .caption")).to_contain_text("ask not")
    sessions(page)
    expect(page.locator(".opened")).to_have_count(0)


def test_about_names_versions_licences_and_links_to_this_server_alone(page: Page) -> None:
    page.locator("[data-tab=settings]").click()
    page.get_by_text("About eyeline").click()
    about = page.locator(".colophon")
    expect(about).to_contain_text("Apache-2.0")
    expect(about).to_contain_text("tiny.en: Whisper")
    links = about.locator("a").evaluate_all("all => all.map((a) => a.href)")
    assert {"/about/docs/protocol.md", "/about/models/checkpoints/codec.md"} <= {
        "/" + link.split("/", 3)[3] for link in links
    }
    assert all(page.request.get(link).ok for link in links)


PACKAGES = Path(__file__).with_name("packages.json")  # the checker of accessibility


def test_a_link_shows_a_session_to_a_viewer_who_can_do_nothing_else(
    page: Page, tab: tuple[Page, Witness]
) -> None:
    page.evaluate(
        """async () => {
            const line = (window.line = new WebSocket(`ws://${location.host}/v1/realtime`));
            await new Promise((done) => (line.onmessage = ({ data }) => {
                window.session = JSON.parse(data).session.id;
                done();
            }));
            line.onmessage = null;
        }"""
    )
    session = page.evaluate("window.session")
    call(page, session, "ask not")
    page.locator(".talk-head .save summary").click()
    page.get_by_role("button", name="Link for a viewer").click()
    expect(page.locator(".sharing .hint")).to_contain_text("good for an hour")
    url = page.get_by_label("Link for a viewer").last.input_value()
    assert "secret" not in url.partition("#")[0]
    viewer = page.context.new_page()
    viewer.goto("/static/index.html#" + url.partition("#")[2])
    viewer.evaluate(SHOW)
    viewer.get_by_role("button", name="Watch").click()
    expect(part(viewer, "late")).to_contain_text("is over or no call")  # it has no tracks
    page.evaluate(
        """() => {
            const content = [{ type: "input_text", text: "What was that?" }];
            const item = { type: "message", role: "user", content };
            line.send(JSON.stringify({ type: "conversation.item.create", item }));
            line.send(JSON.stringify({ type: "response.create" }));
        }"""
    )
    expect(viewer.locator("#eyeline-stream .question")).to_have_text("What was that?")
    expect(viewer.locator("#eyeline-stream .answer")).to_contain_text("You asked: What was that?")
    for name in ("start", "question", "talk"):
        expect(part(viewer, name)).to_be_hidden()
    page.get_by_role("button", name="Withdraw").click()
    expect(page.locator(".sharing .hint")).to_contain_text("was withdrawn")
    page.evaluate("line.send(JSON.stringify({ type: 'response.create' }))")
    expect(part(viewer, "problem")).to_contain_text("nothing to watch any more")
    expect(viewer.locator("#eyeline-stream .answer")).to_have_count(1)
    viewer.close()
    page.evaluate("line.close()")
    told = [error for error in tab[1].errors if "409" not in error and "401" not in error]
    assert told == []  # it has no video, and then no right to see
    tab[1].errors.clear()


STATES = ("idle", "live", "sessions", "settings", "draw")


@pytest.fixture(scope="module")
def checker() -> str:
    settings = Settings()
    folder = settings.weights.parent / "axe"
    modules = npm_packages(PACKAGES, folder, settings.npm_registry)
    return (modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing_in_any_state(page: Page, checker: str, theme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900 if width > 500 else 844})
    page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", theme == "dark")
    page.evaluate(checker)
    for state in STATES:
        if state == "live":
            call(page, "sess_d", "ask not")
        elif state != "idle":
            page.locator(f"[data-tab={state}]").click()
        found = page.evaluate("async () => (await axe.run('.eyeline')).violations")
        shown = {(each["id"], node["html"][:200]) for each in found for node in each["nodes"]}
        assert shown == set(), state

"""The page in a call that a test plays: keys, states, the stream, its layout; without a service."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.bare_page import ANSWERED, bare_tab, shown

pytestmark = pytest.mark.browser

STYLED = """async () => {
    const styled = document.createElement("link");
    const loaded = new Promise((done) => styled.addEventListener("load", done));
    document.head.append(Object.assign(styled, { rel: "stylesheet", href: "page.css" }));
    Object.assign(document.body.style, { maxWidth: "none", margin: 0, padding: 0 });
    await loaded;
}"""
REFUSED = """(name) => {
    navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException("no", name);
    };
}"""


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with bare_tab() as page:
        yield page


@pytest.fixture
def page(tab: Page) -> Page:
    """The page in a call that nobody is behind."""
    shown(tab)
    tab.evaluate(STYLED)
    tab.evaluate(ANSWERED)
    part(tab, "start").click()
    expect(part(tab, "state")).to_have_text("Live")
    return tab


def part(page: Page, name: str) -> Locator:
    return page.locator(f"[data-part={name}]")


def receive(page: Page, *events: dict[str, Any]) -> None:
    page.evaluate("(events) => events.forEach((event) => say('event', event))", list(events))


def sent(page: Page) -> list[str]:
    types: list[str] = page.evaluate("sent.splice(0).map((event) => event.type)")
    return types


def caption(turn: int, text: str, start: float) -> dict[str, Any]:
    words = [{"text": f" {word}", "start": start, "end": start + 0.3} for word in text.split()]
    times = {"start": start, "end": start + 0.3, "heard": start + 0.3}
    return {"turn": turn, "text": text, "words": words, "stable": 0, "final": True, **times}


def created(id: str, **metadata: str) -> dict[str, Any]:
    named = {name.replace("_", "."): value for name, value in metadata.items()}
    return {"type": "response.created", "response": {"id": id, "metadata": named}}


def delta(id: str, text: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "response_id": id, "delta": text}


def done(id: str, reason: str = "") -> dict[str, Any]:
    status = {"status": "cancelled", "status_details": {"reason": reason}} if reason else {}
    return {"type": "response.done", "response": {"id": id, "status": "completed", **status}}


def ask(page: Page, question: str) -> None:
    part(page, "question").fill(question)
    part(page, "question").press("Enter")


def test_the_chip_says_whether_it_listens_hears_thinks_or_speaks(page: Page) -> None:
    words = part(page, "activity-words")
    expect(words).to_have_text("Listening")
    receive(page, {"type": "input_audio_buffer.speech_started"})
    expect(words).to_have_text("Hears you")
    receive(page, {"type": "input_audio_buffer.speech_stopped"}, created("r1"))
    expect(words).to_have_text("Thinking")
    receive(page, delta("r1", "A cup."), {"type": "output_audio_buffer.started"})
    expect(words).to_have_text("Speaking: talk to interrupt")
    receive(page, {"type": "input_audio_buffer.speech_started"}, done("r1", "turn_detected"))
    receive(page, {"type": "output_audio_buffer.cleared"})
    expect(words).to_have_text("Interrupted: listening to you")
    receive(page, {"type": "input_audio_buffer.speech_stopped"})
    expect(words).to_have_text("Listening")
    expect(page.locator(".answer")).to_have_text("A cup. (you interrupted)")
    part(page, "mute").click()
    expect(words).to_have_text("Muted")
    part(page, "stop").click()
    expect(part(page, "activity")).to_be_hidden()


def test_speech_that_is_cut_short_after_its_text_says_so(page: Page) -> None:
    speaks = {"type": "output_audio_buffer.started", "response_id": "r1"}
    receive(page, created("r1"), speaks, delta("r1", "A long story."), done("r1"))
    receive(page, {"type": "input_audio_buffer.speech_started"})
    receive(page, {"type": "output_audio_buffer.cleared", "response_id": "r1"})
    expect(page.locator(".answer")).to_have_text("A long story. (you interrupted)")


def test_an_answer_that_waits_says_what_it_does(page: Page) -> None:
    ask(page, "one")
    ask(page, "two")
    doing = page.locator(".doing")
    expect(doing).to_have_text(["Asked", "Waits for the answer before it"])
    receive(page, created("r1", eyeline_question="question_1"))
    expect(doing.first).to_have_text("Looks through what it remembers")
    moments = [{"number": 1, "time": 1.0, "text": "a cup"}]
    evidence = {"type": "eyeline.answer.evidence", "response_id": "r1", "moments": moments}
    receive(page, evidence)
    expect(doing.first).to_have_text("Found 1 moment, writes")
    receive(page, delta("r1", "A cup."), done("r1"), created("r2", eyeline_question="question_2"))
    expect(page.locator(".answer").first).to_have_text("A cup.")
    expect(doing).to_have_text(["Looks through what it remembers"])


def test_a_typed_question_whose_answer_is_cut_off_unread_is_asked_again_and_speech_is_not(
    page: Page,
) -> None:
    ask(page, "one")
    assert sent(page) == ["conversation.item.create", "response.create"]
    receive(page, created("r1", eyeline_question="question_1"), done("r1", "turn_detected"))
    assert sent(page) == ["response.create"]
    receive(page, created("r2", eyeline_question="question_1"), delta("r2", "A cup"))
    receive(page, done("r2", "turn_detected"))
    assert sent(page) == []
    expect(page.locator(".answer")).to_have_text("A cup (you interrupted)")
    receive(page, created("r3"), done("r3", "turn_detected"))
    expect(page.locator(".exchange")).to_have_count(1)
    receive(page, created("r4"), done("r4"))  # nobody asked anything: it was a remark
    expect(page.locator(".exchange")).to_have_count(1)


def test_what_is_said_asked_and_noticed_is_one_stream_in_order_of_time(page: Page) -> None:
    page.evaluate("(caption) => say('caption', caption)", caption(1, "said first", 0.0))
    ask(page, "asked")
    # Words are known after they were spoken: these were before the question.
    page.evaluate("(caption) => say('caption', caption)", caption(2, "said before", 0.0))
    page.evaluate("(caption) => say('caption', caption)", caption(3, "said last", 1000.0))
    page.evaluate("say('notice', { level: 'warning', message: 'the disk is full' })")
    kinds = page.locator(".stream > li").evaluate_all("all => all.map((each) => each.innerText)")
    order = ["said first", "said before", "asked", "The disk is full.", "said last"]
    assert [next(each for each in order if each in kind) for kind in kinds] == order


def test_keys_mute_ask_and_stop_the_answer_but_not_while_one_writes(page: Page) -> None:
    page.locator("h1").click()
    page.keyboard.press("m")
    expect(part(page, "state")).to_have_text("Live, muted")
    page.keyboard.press("M")
    expect(part(page, "state")).to_have_text("Live")
    page.get_by_role("tab", name="Settings").click()
    page.keyboard.press("/")
    expect(part(page, "question")).to_be_focused()
    page.keyboard.type("m/")
    expect(part(page, "question")).to_have_value("m/")
    expect(part(page, "state")).to_have_text("Live")
    page.keyboard.press("Enter")
    receive(page, created("r1", eyeline_question="question_1"), delta("r1", "A"))
    sent(page)
    page.keyboard.press("Escape")
    assert sent(page) == ["response.cancel"]
    part(page, "status").locator("summary").click()
    page.keyboard.press("Escape")  # closes what is open first
    assert sent(page) == []
    expect(part(page, "status")).not_to_have_attribute("open", "")


def test_with_push_to_talk_the_microphone_is_open_while_space_or_the_button_is_held(
    page: Page,
) -> None:
    page.get_by_role("tab", name="Settings").click()
    page.get_by_text("Push to talk: hold").click()
    expect(part(page, "state")).to_have_text("Live, muted")
    expect(part(page, "activity-words")).to_have_text("Hold space to talk")
    page.locator("h1").click()
    page.keyboard.down(" ")
    expect(part(page, "state")).to_have_text("Live")
    page.keyboard.up(" ")
    expect(part(page, "state")).to_have_text("Live, muted")
    part(page, "mute").hover()
    page.mouse.down()
    expect(part(page, "state")).to_have_text("Live")
    page.mouse.up()
    expect(part(page, "state")).to_have_text("Live, muted")
    page.get_by_role("tab", name="Conversation").click()
    part(page, "question").focus()
    page.keyboard.type("a b")
    expect(part(page, "question")).to_have_value("a b")
    part(page, "stop").click()
    part(page, "start").click()
    expect(part(page, "state")).to_have_text("Live, muted")  # of the next call, too


def test_a_call_needs_no_mouse(tab: Page) -> None:
    shown(tab)
    tab.evaluate(STYLED)
    tab.evaluate(ANSWERED)
    first = "document.querySelector('a, button, input, summary, [tabindex]').dataset.part"
    assert tab.evaluate(first) == "skip"
    part(tab, "skip").focus()
    tab.keyboard.press("Enter")
    expect(part(tab, "stream")).to_be_focused()
    part(tab, "start").focus()
    tab.keyboard.press("Enter")
    expect(part(tab, "state")).to_have_text("Live")
    tab.keyboard.press("/")
    tab.keyboard.type("What do you see?")
    tab.keyboard.press("Enter")
    expect(tab.locator(".question")).to_have_text("What do you see?")
    tab.get_by_role("tab", name="Conversation").focus()
    tab.keyboard.press("ArrowRight")
    expect(tab.get_by_role("tab", name="Draw")).to_be_focused()
    expect(tab.locator(".panel.draw")).to_be_visible()
    expect(tab.locator(".panel.talk")).to_be_hidden()
    tab.keyboard.press("End")
    expect(tab.get_by_role("tab", name="Settings")).to_have_attribute("aria-selected", "true")
    part(tab, "stop").focus()
    tab.keyboard.press("Enter")
    expect(part(tab, "state")).to_have_text("Stopped")


@pytest.mark.parametrize(
    ("name", "what", "advice"),
    [
        ("NotAllowedError", "no permission", "address bar"),
        ("NotFoundError", "No camera or microphone was found", "Plug one in"),
        ("NotReadableError", "in use by another program", "Close what may use it"),
    ],
)
def test_a_camera_that_cannot_be_opened_is_told_with_what_to_do(
    tab: Page, name: str, what: str, advice: str
) -> None:
    shown(tab)
    tab.evaluate(REFUSED, name)
    part(tab, "sample").uncheck()
    part(tab, "start").click()
    expect(part(tab, "problem")).to_contain_text(what)
    expect(part(tab, "problem")).to_contain_text(advice)
    expect(part(tab, "offer-sample")).to_be_visible()
    expect(part(tab, "start")).to_be_enabled()


def test_a_broken_call_counts_down_and_says_what_is_kept(page: Page) -> None:
    page.evaluate("say('connection', { waits: 12 })")
    page.evaluate("change('reconnecting', 'The network is gone.')")
    expect(part(page, "problem")).to_contain_text("The network is gone. The session is kept")
    expect(part(page, "countdown")).to_have_text("Trying to get back to it for 12 more s.")
    expect(part(page, "countdown")).to_contain_text("for 11 more s")
    page.evaluate("change('live')")
    expect(part(page, "problem")).to_be_hidden()
    expect(part(page, "countdown")).to_have_text("")


@pytest.mark.parametrize(
    ("stats", "grade", "words"),
    [
        ({"round_trip": None, "loss": None}, "", ""),
        ({"round_trip": 0.04, "loss": 0.0}, "good", "good connection"),
        ({"round_trip": 0.04, "loss": 0.06}, "weak", "weak connection: 6 % is lost on the way"),
        ({"round_trip": 0.9, "loss": 0}, "bad", "bad connection: 0.9 s to the server and back"),
    ],
)
def test_the_connection_is_described_in_words(
    tab: Page, stats: dict[str, Any], grade: str, words: str
) -> None:
    found = tab.evaluate(
        'async (stats) => (await import("./call/quality.js")).qualityOf(stats)', stats
    )
    assert found == {"grade": grade, "words": words}


def test_the_meter_shows_decibels_and_a_microphone_without_a_sound(page: Page) -> None:
    levels = page.evaluate(
        """async () => {
            const { levelOf } = await import("./call/meter.js");
            return [0, 1e-6, 1e-3, 1, 4].map(levelOf);
        }"""
    )
    assert levels == pytest.approx([0, 0, 0.5, 1, 1])


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 720), (390, 844), (360, 640)])
def test_nothing_scrolls_the_camera_or_the_input_out_of_sight(
    page: Page, width: int, height: int
) -> None:
    before = page.viewport_size
    page.set_viewport_size({"width": width, "height": height})
    captions = [caption(n + 1, f"line {n}", n) for n in range(40)]
    page.evaluate("(all) => all.forEach((caption) => say('caption', caption))", captions)
    seen = [{"number": n, "time": n, "text": f"thing {n}", "image": None} for n in range(40)]
    page.evaluate("(all) => all.forEach((moment) => say('moment', moment))", seen)
    ask(page, "What do you see?")
    page.evaluate("say('requests', { requests: ['Tell me when someone comes in'] })")
    for name in ("camera", "question", "send", "mute", "stop", "moments"):
        box = part(page, name).bounding_box()
        assert box is not None, name
        assert box["x"] >= 0, (name, box)
        assert box["y"] >= 0, (name, box)
        assert box["x"] + box["width"] <= width, (name, box)
        assert box["y"] + box["height"] <= height, (name, box)
    picture = page.locator(".stage").bounding_box()
    assert picture is not None
    assert picture["width"] > width / 2
    assert picture["height"] > height / 5
    scrolled = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    assert scrolled == [width, height]
    # The newest is in view; a user who looks at earlier lines stays there.
    newest = part(page, "stream-newest")
    expect(newest).to_be_hidden()
    part(page, "stream").evaluate("stream => (stream.scrollTop = 0)")
    expect(newest).to_be_visible()
    page.evaluate("(caption) => say('caption', caption)", caption(99, "later", 99))
    assert part(page, "stream").evaluate("stream => stream.scrollTop") == 0
    newest.click()
    expect(newest).to_be_hidden()
    assert before is not None
    page.set_viewport_size(before)


def test_the_newest_stays_in_view_when_the_window_becomes_smaller(page: Page) -> None:
    captions = [caption(n, f"Line {n} of what was said.", n) for n in range(40)]
    page.evaluate("(all) => all.forEach((caption) => say('caption', caption))", captions)
    last = part(page, "stream").locator(":scope > *").last
    expect(last).to_be_in_viewport()
    before = page.viewport_size
    assert before is not None
    page.set_viewport_size({"width": 390, "height": 500})
    expect(last).to_be_in_viewport()
    expect(part(page, "stream-newest")).to_be_hidden()
    page.set_viewport_size(before)


def test_what_comes_at_once_is_laid_out_at_once(page: Page) -> None:
    """Hundreds of lines and moments, as of a call that the page goes on with."""
    captions = [caption(n, f"Line {n}.", n) for n in range(300)]
    seen = [{"number": n, "time": n, "text": f"thing {n}", "image": None} for n in range(300)]
    counts = page.context.new_cdp_session(page)
    counts.send("Performance.enable")

    def layouts() -> int:
        metrics = counts.send("Performance.getMetrics")["metrics"]
        return next(int(each["value"]) for each in metrics if each["name"] == "LayoutCount")

    begin = layouts()
    page.evaluate(
        """async ([captions, seen]) => {
            for (const each of captions) say("caption", each);
            for (const each of seen) say("moment", each);
            await new Promise(requestAnimationFrame);
        }""",
        [captions, seen],
    )
    assert layouts() - begin < 30
    expect(part(page, "stream").locator(":scope > *").last).to_be_in_viewport()


def test_generated_video_takes_the_camera_s_place_in_draw_and_a_corner_elsewhere(
    page: Page,
) -> None:
    stage = part(page, "stage")

    def larger() -> str:
        sizes: dict[str, float] = stage.evaluate(
            """stage => Object.fromEntries(['sent', 'returned'].map((name) =>
                [name, stage.querySelector(`.${name}`).getBoundingClientRect().width]))"""
        )
        return max(sizes, key=sizes.__getitem__)

    page.get_by_role("tab", name="Draw").click()
    assert larger() == "sent"  # nothing is drawn yet
    expect(part(page, "swap")).to_be_hidden()
    stage.evaluate("stage => (stage.dataset.generated = 'on')")
    assert larger() == "returned"
    part(page, "swap").click()
    assert larger() == "sent"
    part(page, "swap").click()
    page.get_by_role("tab", name="Conversation").click()
    assert larger() == "sent"
    part(page, "generated").click()  # its corner
    assert larger() == "returned"

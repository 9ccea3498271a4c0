"""What was seen, on the page: moments, evidence, requests, relevance; without a service."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from models.assistant.requests.parsing import Request, StopRequest, parse_request
from tests.browser.bare_page import bare_tab

pytestmark = pytest.mark.browser

DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs="

SHOWN = """async () => {
    document.body.innerHTML = await (await fetch("page.html")).text();
    const styled = document.createElement("link");
    const loaded = new Promise((done) => styled.addEventListener("load", done));
    document.head.append(Object.assign(styled, { rel: "stylesheet", href: "page.css" }));
    await loaded;
    const { partsOf } = await import("./view.js");
    const { Timeline } = await import("./memory/timeline.js");
    const { Conversation } = await import("./conversation/asking.js");
    const { Stream } = await import("./conversation/stream.js");
    const parts = partsOf(document.body);
    window.sent = [];
    let asked = 0;
    const client = {
        newQuestion: () => `question_${(asked += 1)}`,
        ask: (text, { spoken }) => sent.push(["ask", text, spoken]),
        respond: (id) => sent.push(["respond", id]),
        send: (event) => sent.push([event.type]),
    };
    window.timeline = new Timeline(parts, (text) => sent.push(["suggest", text]));
    const shown = { timeline, stream: new Stream(parts), now: () => 0, note: () => {} };
    window.conversation = new Conversation(parts, client, shown);
    window.receive = (event) => {
        if (event.type === "eyeline.memory.moment") timeline.add(event);
        conversation.receive(event);
    };
    window.parts = parts;
}"""


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with bare_tab() as page:
        yield page


@pytest.fixture
def page(tab: Page) -> Page:
    """The page's markup with a timeline and a conversation that nobody is behind."""
    tab.evaluate(SHOWN)
    return tab


def receive(page: Page, *events: dict[str, Any]) -> None:
    """Receive `events`, and draw what they change."""
    page.evaluate(
        """async (events) => {
            events.forEach(receive);
            await new Promise(requestAnimationFrame);
        }""",
        list(events),
    )


def moment(number: int, time: float, text: str = "") -> dict[str, Any]:
    text = text or f"red cup {number}, left; nobody"
    fields = {"number": number, "time": time, "text": text, "image": DOT}
    return {"type": "eyeline.memory.moment"} | fields


def created(id: str, **metadata: str) -> dict[str, Any]:
    named = {name.replace("_", "."): value for name, value in metadata.items()}
    return {
        "type": "response.created",
        "response": {"id": id, "status": "in_progress", "metadata": named},
    }


def delta(id: str, text: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "response_id": id, "delta": text}


def done(id: str, status: str = "completed") -> dict[str, Any]:
    return {"type": "response.done", "response": {"id": id, "status": status}}


def evidence(id: str, *moments: dict[str, Any]) -> dict[str, Any]:
    reference = [{name: each[name] for name in ("number", "time", "text")} for each in moments]
    return {"type": "eyeline.answer.evidence", "response_id": id, "moments": reference}


def sent(page: Page) -> list[list[Any]]:
    found: list[list[Any]] = page.evaluate("sent")
    return found


def times(page: Page) -> list[str]:
    return page.locator(".moments time").all_inner_texts()


def current(page: Page) -> str:
    """Return the time of the moment that has the keyboard."""
    found: str = page.evaluate("document.activeElement.querySelector('time')?.textContent ?? ''")
    return found


def in_view(page: Page, place: int) -> bool:
    found: bool = (
        page.locator(".moments li")
        .nth(place)
        .evaluate(
            """(item) => {
            const [inner, outer] = [item, item.parentElement].map((e) => e.getBoundingClientRect());
            return inner.left >= outer.left - 1 && inner.right <= outer.right + 1;
        }"""
        )
    )
    return found


def test_moments_stand_in_order_of_time_with_the_newest_in_view(page: Page) -> None:
    receive(page, *[moment(n, 10.0 * n) for n in range(30)], moment(99, 5.0))
    assert times(page)[:3] == ["0:00", "0:05", "0:10"]
    assert times(page)[-1] == "4:50"
    assert in_view(page, 30)
    assert not in_view(page, 0)
    expect(page.locator("[data-part=moments-count]")).to_have_text("31 moments")
    expect(page.locator("[data-part=moments-empty]")).to_be_hidden()


def test_a_user_at_earlier_moments_stays_there_and_may_return(page: Page) -> None:
    receive(page, *[moment(n, 10.0 * n) for n in range(30)])
    page.evaluate("parts.moments.scrollLeft = 0")
    newest = page.locator("[data-part=moments-newest]")
    expect(newest).to_be_visible()
    receive(page, moment(30, 300.0))
    assert in_view(page, 0)
    newest.click()
    assert in_view(page, 30)
    expect(newest).to_be_hidden()


def test_the_page_holds_500_moments_and_turns_to_the_others(page: Page) -> None:
    receive(page, *[moment(n, float(n)) for n in range(1200)])
    row, earlier = page.locator(".moments li"), page.locator("[data-part=moments-earlier]")
    assert row.count() == 500
    expect(earlier).to_have_text("700 earlier")
    for _ in range(3):
        earlier.click()
        assert row.count() == 500
    expect(earlier).to_be_hidden()
    assert times(page)[0] == "0:00"
    receive(page, moment(1200, 1200.0))
    assert times(page)[0] == "0:00"
    page.locator("[data-part=moments-newest]").click()
    assert times(page)[-1] == "20:00"
    assert in_view(page, 499)


def test_the_oldest_moments_go_where_there_are_too_many(page: Page) -> None:
    found = page.evaluate(
        """async () => {
            const { MomentList } = await import("./memory/moments.js");
            const list = new MomentList(3);
            for (let n = 0; n < 7; n += 1) list.add({ number: n, time: n, text: "", image: null });
            return [list.all.map(({ number }) => number), list.dropped, list.count];
        }"""
    )
    assert found == [[4, 5, 6], 4, 7]


def test_a_stretch_is_as_long_as_it_may_be_and_holds_what_it_is_around(page: Page) -> None:
    asked = list(itertools.product([0, 1, 4, 5, 6, 23], [1, 5], range(24)))
    found = page.evaluate(
        """async (asked) => {
            const { stretch } = await import("./memory/moments.js");
            return asked.map(([count, size, at]) => stretch(count, size, at));
        }""",
        asked,
    )
    for (count, size, at), each in zip(asked, found, strict=True):
        assert each["to"] - each["from"] == min(count, size)
        assert 0 <= each["from"] <= each["to"] <= count
        assert at >= count or each["from"] <= at < each["to"]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"number": 2, "time": 20.0, "text": "a dog"}, 2),  # the same
        ({"number": 1, "time": 20.4, "text": "a dog"}, 2),  # not remembered itself: a look later
        ({"number": 2, "time": 14.0, "text": "a cup"}, 1),  # longer ago, but it looked the same
        ({"number": 2, "time": 14.0, "text": "a rocket"}, None),
    ],
)
def test_an_unstored_observation_is_represented_by_a_similar_entry(
    page: Page, reference: dict[str, Any], expected: int | None
) -> None:
    receive(page, moment(1, 10.0, "a cup"), moment(2, 20.0, "a dog"), moment(3, 40.0, "a cup"))
    found = page.evaluate("(reference) => timeline.find(reference)?.number ?? null", reference)
    assert found == expected


def test_the_keyboard_goes_from_moment_to_moment_and_opens_one(page: Page) -> None:
    receive(page, *[moment(n, 10.0 * n, f"thing {n}") for n in range(30)])
    page.locator(".moments button[tabindex='0']").focus()
    assert page.locator(".moments button[tabindex='0']").count() == 1
    assert current(page) == "4:50"
    page.keyboard.press("ArrowLeft")
    assert current(page) == "4:40"
    page.keyboard.press("Home")
    assert current(page) == "0:00"
    assert in_view(page, 0)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    opened = page.get_by_role("dialog")
    expect(opened).to_contain_text("0:10 thing 1")
    page.keyboard.press("ArrowRight")
    expect(opened).to_contain_text("0:20 thing 2")
    page.keyboard.press("Escape")
    expect(opened).to_be_hidden()


def test_a_moment_that_is_opened_can_be_asked_about(page: Page) -> None:
    receive(page, moment(0, 3.0), moment(1, 42.0, "black cup, middle; nobody"))
    page.get_by_role("button", name="black cup").click()
    expect(page.get_by_role("dialog").locator("img")).to_have_attribute("src", DOT)
    page.get_by_role("button", name="Ask about this").click()
    assert sent(page) == [["suggest", "What was there at 0:42?"]]
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_an_answer_shows_what_it_is_made_from_and_leads_there(page: Page) -> None:
    moments = [moment(n, 10.0 * n, f"thing {n}") for n in range(40)]
    receive(page, *moments)
    page.evaluate("conversation.ask('What was first?')")
    shown = evidence("r1", moments[2], moments[39])
    receive(page, created("r1", eyeline_question="question_1"), shown, delta("r1", "A cup"))
    answer = page.locator(".exchange").first
    expect(answer).to_have_attribute("aria-busy", "true")
    receive(page, delta("r1", "."), done("r1"))
    expect(page.locator(".answer")).to_have_text("A cup.")
    expect(answer).to_have_attribute("aria-busy", "false")
    assert page.locator(".evidence time").all_inner_texts() == ["0:20", "6:30"]
    assert page.locator(".evidence img").count() == 2
    page.get_by_role("button", name="0:20, thing 2").click()
    assert current(page) == "0:20"
    assert in_view(page, 2)
    expect(page.locator(".moments [aria-current=true]")).to_contain_text("thing 2")


def test_the_picture_of_a_moment_may_come_after_the_answer(page: Page) -> None:
    page.evaluate("conversation.ask('What now?')")
    late = moment(7, 12.0)
    receive(page, created("r1", eyeline_question="question_1"), evidence("r1", late), done("r1"))
    assert page.locator(".evidence img").count() == 0
    receive(page, late)
    assert page.locator(".evidence img").count() == 1


def test_an_answer_that_nobody_asked_for_now_is_marked_with_what_was_asked(page: Page) -> None:
    request = "Tell me when someone comes in"
    receive(page, created("r1", eyeline_request=request), delta("r1", "A person has come."))
    receive(page, done("r1"))
    unasked = page.locator(".exchange.unasked")
    expect(unasked).to_contain_text(f"As you asked: {request}")
    expect(unasked.locator(".answer")).to_have_text("A person has come.")
    assert page.locator(".exchange .question").count() == 0
    expect(page.locator(".reel")).to_have_attribute("aria-live", "polite")


def test_an_answer_to_speech_has_the_caption_as_its_question(page: Page) -> None:
    caption = {"type": "eyeline.caption", "text": "Is anyone there?", "final": True}
    receive(page, created("r1"), caption)  # the answer to a turn starts before its transcript
    spoken = "response.output_audio_transcript.delta"
    receive(page, {"type": spoken, "response_id": "r1", "delta": "Nobody."}, done("r1"))
    expect(page.locator(".exchange")).to_have_attribute("data-question", "Is anyone there?")
    assert page.locator(".question").count() == 0
    expect(page.locator(".answer")).to_have_text("Nobody.")


def test_questions_wait_for_one_another(page: Page) -> None:
    page.evaluate("['one', 'two', 'three'].forEach((text) => conversation.ask(text))")
    assert sent(page) == [["ask", "one", False]]
    receive(page, created("r1", eyeline_question="question_1"), delta("r1", "1"), done("r1"))
    assert sent(page) == [["ask", "one", False], ["ask", "two", False]]
    receive(page, created("r2", eyeline_question="question_2"), delta("r2", "2"), done("r2"))
    receive(page, created("r3", eyeline_question="question_3"), delta("r3", "3"), done("r3"))
    assert page.locator(".answer").all_inner_texts() == ["1", "2", "3"]


def test_a_question_that_meets_another_answer_is_asked_again_after_it(page: Page) -> None:
    page.evaluate("conversation.ask('What now?')")
    receive(page, created("r1", eyeline_request="Tell me when you see a dog"))
    code = "conversation_already_has_active_response"
    error = {"code": code, "event_id": "question_1_response"}
    assert page.evaluate("(error) => conversation.refused(error)", error) is True
    receive(page, delta("r1", "A dog."), done("r1"))
    assert sent(page) == [["ask", "What now?", False], ["respond", "question_1"]]
    receive(page, created("r2", eyeline_question="question_1"), delta("r2", "A cat."), done("r2"))
    assert page.locator(".answer").all_inner_texts() == ["A cat.", "A dog."]


def test_a_question_that_is_refused_says_so_and_the_next_one_is_asked(page: Page) -> None:
    page.evaluate("['one', 'two'].forEach((text) => conversation.ask(text))")
    error = {"code": "invalid_value", "event_id": "question_1_item"}
    assert page.evaluate("(error) => conversation.refused(error)", error) is False
    expect(page.locator(".answer").first).to_have_text("(no answer)")
    assert sent(page)[-1] == ["ask", "two", False]
    assert page.evaluate("conversation.refused({ code: null, event_id: 'mine' })") is False


def test_an_answer_in_progress_can_be_cancelled_and_so_can_its_sound(page: Page) -> None:
    cancel = page.locator("[data-part=cancel]")
    expect(cancel).to_be_hidden()
    page.evaluate("conversation.ask('one')")
    receive(page, created("r1", eyeline_question="question_1"), delta("r1", "It"))
    expect(cancel).to_be_visible()
    page.evaluate("conversation.cancel()")
    assert sent(page)[-1] == ["response.cancel"]
    assert page.evaluate("conversation.refused({ code: 'response_cancel_not_active' })") is True
    receive(page, {"type": "output_audio_buffer.started"}, done("r1", "cancelled"))
    expect(page.locator(".answer")).to_have_text("It (cancelled)")
    page.evaluate("conversation.cancel()")
    assert sent(page)[-1] == ["output_audio_buffer.clear"]
    receive(page, {"type": "output_audio_buffer.cleared"})
    expect(cancel).to_be_hidden()


def test_standing_requests_are_shown_and_can_be_cancelled(page: Page) -> None:
    draw = """async (requests) => {
        const { drawRequests } = await import("./conversation/requests.js");
        drawRequests(parts.requests, requests, (request) => sent.push([request]));
    }"""
    requests = ["Tell me when someone comes in", "Warn me if my cup is gone"]
    page.evaluate(draw, requests)
    assert page.locator(".requests span").all_inner_texts() == requests
    page.get_by_role("button", name="Stop: Warn me if my cup is gone").click()
    assert sent(page) == [["Warn me if my cup is gone"]]
    page.evaluate(draw, [requests[0]])
    expect(page.locator(".requests button")).to_be_focused()
    page.evaluate(draw, [])
    expect(page.locator(".requests")).to_be_hidden()


REQUESTS = (
    "Tell me when someone comes in",
    "tell me when you see a cat!",
    "Please let me know whenever a dog comes in.",
    "Warn me if my cup is gone",
    "When a car arrives, tell me",
    "Watch out for a dog and tell me",
    "could you keep an eye out for my cup",
    "Say hello when someone comes in",
    "Alert me as soon as nobody is in the room",
    "give me a shout once the cup is back",
)


@pytest.mark.parametrize("request_", REQUESTS)
def test_the_words_of_a_cancelled_request_name_it(page: Page, request_: str) -> None:
    asked = parse_request(request_)
    assert isinstance(asked, Request)
    words = page.evaluate(
        'async (request) => (await import("./conversation/requests.js")).stopping(request)',
        request_,
    )
    ended = parse_request(words)
    assert isinstance(ended, StopRequest), words
    target = asked.target
    assert bool(ended.name_ids & target.name_ids) or (ended.persons and target.people > 0), words


def test_the_veil_covers_what_matters_and_only_where_a_person_wants_it(page: Page) -> None:
    found = page.evaluate(
        """async () => {
            const { RelevanceVeil } = await import("./relevance.js");
            const veil = new RelevanceVeil(parts.veil, parts.camera, parts["veil-about"]);
            veil.receive({ time: 1, about: "cup", values: [[1, 0], [1, 0]] });
            const before = parts.veil.hidden;
            veil.show(true);
            const { width, height } = parts.veil;
            const { data } = parts.veil.getContext("2d").getImageData(0, 0, width, height);
            const opacity = (x, y) => data[4 * (Math.floor(y) * width + Math.floor(x)) + 3] / 255;
            const [left, right] = [0.1, 0.9].map((x) => opacity(x * width, height / 2));
            const about = parts["veil-about"].textContent;
            veil.clear();
            return { before, left, right, about, shape: width / height, after: parts.veil.hidden };
        }"""
    )
    assert found["before"] is True
    assert found["left"] == pytest.approx(0.5, abs=0.02)  # STRONGEST, in eighths of a byte
    assert found["right"] == 0
    assert found["about"] == "relevance to cup"
    assert found["shape"] == pytest.approx(16 / 9, abs=0.02)  # no video yet; whole pixels
    assert found["after"] is True


@pytest.mark.parametrize(
    ("message", "name", "limits", "stand_in"),
    [
        (
            "answers come from a small model: it knows things; no faces",
            "Small model",
            "It knows things; no faces.",
            False,
        ),
        (
            "answers come from a stand-in: no video model is loaded",
            "Stand-in",
            "No video model is loaded.",
            True,
        ),
        ("answers come from LLaVA-OneVision 7B", "LLaVA-OneVision 7B", "", False),
    ],
)
def test_the_page_says_which_model_answers_and_what_it_can_tell(
    page: Page, message: str, name: str, limits: str, stand_in: bool
) -> None:
    page.evaluate(
        """async (message) => {
            const { drawModel, drawNotices } = await import("./view.js");
            const others = [["it mishears", "info"], ["nothing is kept", "warning"]];
            drawNotices(parts, new Map([...others, [message, "info"]]));
            for (const text of ["it mishears", message]) drawModel(parts, text);
        }""",
        message,
    )
    assert page.locator(".notices li").all_text_contents() == ["It mishears", "Nothing is kept"]
    expect(page.locator(".notices .warning")).to_have_text("Nothing is kept")
    model = page.locator("[data-part=model]")
    expect(model.locator("summary")).to_have_text(name)
    expect(model.locator("p")).to_have_text(limits)
    expect(page.locator("[data-part=hint-limits]")).to_contain_text(limits)
    assert ("stand-in" in (model.get_attribute("class") or "")) is stand_in

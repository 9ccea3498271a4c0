"""The browser modules without a service: caption lists, WebVTT, the clip, refused calls."""

import io
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
import webvtt
from playwright.sync_api import Page, Route, expect

from tests.browser.bare_page import ANSWERED, shown
from tests.browser.chromium import chromium, new_page
from tests.browser.static_files import static_files

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with static_files() as url, chromium(None) as browser:
        page, _ = new_page(browser, allowed=False)
        page.goto(url)
        yield page


def caption(
    turn: int, text: str, *, start: float = 0.0, final: bool = True, stable: int = 0
) -> dict[str, Any]:
    words = [
        {"text": f" {word}", "start": start + 0.5 * index, "end": start + 0.5 * index + 0.4}
        for index, word in enumerate(text.split())
    ]
    end = words[-1]["end"] if words else start
    return {
        "turn": turn,
        "text": text,
        "words": words,
        "stable": stable,
        "start": start,
        "end": end,
        "heard": end,
        "final": final,
    }


def listed(page: Page, steps: list[dict[str, Any]], *, limit: int = 2000) -> dict[str, Any]:
    """Apply `steps` to a caption list; a step {"continueAt": seconds} goes on with another call.

    A step with speakers says who speaks.
    """
    result = page.evaluate(
        """async ([steps, limit]) => {
            const { CaptionList } = await import("./captions.js");
            const list = new CaptionList(limit);
            for (const step of steps) {
                if ("speakers" in step) list.tell(step);
                else if ("continueAt" in step) list.continueAt(step.continueAt);
                else list.apply(step);
            }
            return { lines: list.lines, dropped: list.dropped, vtt: list.toWebVTT() };
        }""",
        [steps, limit],
    )
    return json.loads(json.dumps(result))  # type: ignore[no-any-return]


def cues(vtt: str) -> list[tuple[float, float, str]]:
    """Parse with another implementation than the one that wrote it."""
    parsed = webvtt.from_buffer(io.StringIO(vtt))
    return [(cue.start_in_seconds, cue.end_in_seconds, cue.text) for cue in parsed.captions]


def test_a_later_caption_takes_the_place_of_the_earlier_one_of_its_turn(page: Page) -> None:
    steps = [
        caption(1, "ask", final=False),
        caption(1, "ask not what", final=False),
        caption(2, "your country"),
        caption(1, "ask not"),
    ]
    lines = listed(page, steps)["lines"]
    assert [(line["turn"], line["text"]) for line in lines] == [(1, "ask not"), (2, "your country")]


def test_a_caption_that_comes_after_the_final_one_is_left_out(page: Page) -> None:
    lines = listed(page, [caption(1, "ask not"), caption(1, "ask", final=False)])["lines"]
    assert [(line["text"], line["final"]) for line in lines] == [("ask not", True)]


def test_a_turn_without_words_leaves_no_line(page: Page) -> None:
    assert listed(page, [caption(1, "hm", final=False), caption(1, "")])["lines"] == []
    assert listed(page, [caption(1, "")])["lines"] == []


def test_the_oldest_lines_go_where_there_are_too_many_and_the_file_says_so(page: Page) -> None:
    result = listed(page, [caption(n, f"line {n}", start=n) for n in range(1, 8)], limit=3)
    assert [line["turn"] for line in result["lines"]] == [5, 6, 7]
    assert result["dropped"] == 4
    assert "NOTE 4 earlier lines" in result["vtt"]
    assert [text for _, _, text in cues(result["vtt"])] == ["line 5", "line 6", "line 7"]


def test_webvtt_holds_final_lines_only_and_escapes_them(page: Page) -> None:
    steps = [caption(1, "a < b & c --> d", start=3661.5), caption(2, "not yet", final=False)]
    vtt = listed(page, steps)["vtt"]
    assert vtt.startswith("WEBVTT\n")
    assert "01:01:01.500 --> 01:01:04.900\na &lt; b &amp; c --&gt; d\n" in vtt
    assert len(cues(vtt)) == 1


def test_speakers_are_named_from_the_second_one_on_and_earlier_lines_corrected(page: Page) -> None:
    def told(*names: str, **corrected: list[int]) -> dict[str, Any]:
        speakers = [{"number": n, "name": name} for n, name in enumerate(names, 1)]
        turns = [{"turn": int(turn[1:]), "speakers": each} for turn, each in corrected.items()]
        return {"speakers": speakers, "corrected": turns}

    alone = [caption(1, "good morning"), told("Anna"), caption(2, "oh hello", start=5.0)]
    assert "<v" not in listed(page, alone)["vtt"]
    steps = [*alone, told("Anna", "B<b", t2=[2, 1])]
    found = listed(page, steps)["vtt"]
    assert "<v Anna>good morning\n" in found
    assert "<v B&lt;b>oh\n" in found
    assert "<v Anna>hello\n" in found


def test_a_long_line_becomes_several_cues_in_order_with_every_word(page: Page) -> None:
    text = " ".join(f"word{n}" for n in range(60))
    found = cues(listed(page, [caption(1, text, start=2.0)])["vtt"])
    assert " ".join(part for _, _, part in found) == text
    assert len(found) > 3
    assert all(end - start <= 7.001 for start, end, _ in found)  # 1 ms: written in milliseconds
    assert all(one[1] <= two[0] for one, two in itertools.pairwise(found))


def test_a_call_after_a_break_goes_on_in_the_same_list(page: Page) -> None:
    steps = [
        caption(1, "before", start=1.0),
        caption(2, "cut off", start=4.0, final=False),
        {"continueAt": 30.0},
        caption(1, "after", start=2.0),
    ]
    lines = listed(page, steps)["lines"]
    assert [(line["text"], line["start"], line["final"]) for line in lines] == [
        ("before", 1.0, True),
        ("cut off", 4.0, True),
        ("after", 32.0, True),
    ]


@pytest.mark.parametrize(
    ("stable", "expected"), [(0, ("", "ask not what")), (2, ("ask not", " what"))]
)
def test_stable_words_are_marked_apart_from_words_that_may_change(
    page: Page, stable: int, expected: tuple[str, str]
) -> None:
    found = page.evaluate(
        'async (line) => (await import("./captions.js")).parts(line)',
        caption(1, "ask not what", final=False, stable=stable),
    )
    assert (found["solid"], found["light"]) == expected


@pytest.mark.parametrize(("seconds", "text"), [(7.9, "0:07"), (754, "12:34"), (3723, "1:02:03")])
def test_times_read_as_a_person_writes_them(page: Page, seconds: float, text: str) -> None:
    assert page.evaluate('async (s) => (await import("./captions.js")).clock(s)', seconds) == text


def test_a_silent_server_is_distinguished_from_one_that_refuses(page: Page) -> None:
    tried = """async (url) => {
        const { EyelineClient } = await import("./eyeline.js");
        const client = new EyelineClient();
        const error = await client.connect({ stream: new MediaStream(), url }).catch((e) => e);
        return [error.name, error.status, error.message, client.state];
    }"""
    gone = page.evaluate(tried, "http://127.0.0.1:9/")  # nobody listens on the discard port
    assert gone == [
        "CallError",
        0,
        "http://127.0.0.1:9 does not answer: is the server running?",
        "ended",
    ]
    refused = page.evaluate(tried, page.url)
    assert refused[:2] == ["CallError", 404]


REFUSED = [
    (503, "sessions_full", "All sessions of this server are in use."),
    (503, "service_busy", "This server is too busy for another call."),
    (503, "service_draining", "This server is about to stop and takes no new calls."),
    (503, None, "This server cannot take a call now."),
    (429, "sessions_full", "A limit of this server for you, or for your key, is reached."),
]


def test_a_refusal_says_its_reason_and_start_can_be_pressed_again(page: Page) -> None:
    refusals = iter(REFUSED)

    def refuse(route: Route) -> None:
        status, code, _ = next(refusals)
        body = {"status": status, "detail": "try again in 5 s", "error": {"code": code}}
        route.fulfill(json=body, status=status)

    page.route("**/ice-servers", refuse)
    part = shown(page).locator
    for _, _, told in REFUSED:
        part("[data-part=start]").click()
        expect(part("[data-part=problem-what]")).to_have_text(told)
        expect(part("[data-part=problem-advice]")).to_have_text("Try again in 5 s")
        expect(part("[data-part=start]")).to_be_enabled()
    page.unroute("**/ice-servers")


def test_a_server_with_a_key_is_asked_for_it_and_a_wrong_one_is_refused(page: Page) -> None:
    given: list[str | None] = []

    def answer(route: Route) -> None:
        given.append(route.request.headers.get("authorization"))
        right = given[-1] == "Bearer right"
        route.fulfill(json={"detail": "reached"}, status=404 if right else 401)

    page.route("**/ice-servers", answer)
    part = shown(page).locator
    part("[data-part=start]").click()
    expect(part("[data-part=problem]")).to_contain_text("needs an API key")
    part("[data-part=key]").fill("wrong")
    part("[data-part=key]").press("Enter")
    expect(part("[data-part=problem]")).to_contain_text("does not accept that key")
    part("[data-part=key]").fill("right")
    part("[data-part=key-form] button").click()
    expect(part("[data-part=problem]")).to_contain_text("Reached")
    assert given == [None, "Bearer wrong", "Bearer right"]
    page.unroute("**/ice-servers")


def test_a_call_that_is_stopped_while_it_connects_is_no_problem(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/ice-servers", hold)
    part = shown(page).locator
    with page.expect_request("**/ice-servers"):
        part("[data-part=start]").click()
    part("[data-part=stop]").click()
    expect(part("[data-part=state]")).to_have_text("Stopped")
    with page.expect_response("**/ice-servers"):
        held[0].fulfill(json={"iceServers": []})
    expect(part("[data-part=state]")).to_have_text("Stopped")
    expect(part("[data-part=start]")).to_be_enabled()
    expect(part("[data-part=problem]")).to_be_hidden()
    page.unroute("**/ice-servers")


def test_a_call_that_is_behind_is_not_live_and_says_why(page: Page) -> None:
    part = shown(page).locator
    page.evaluate(ANSWERED)
    part("[data-part=start]").click()
    expect(part("[data-part=state]")).to_have_text("Live")
    expect(part("[data-part=late]")).to_be_hidden()
    expect(part("[data-part=late-advice]")).to_be_hidden()
    message = "captions are 4 s late: the server does not keep up"
    page.evaluate("(message) => say('delay', { state: 'behind', message })", message)
    expect(part("[data-part=state]")).to_have_text("Behind")
    expect(part("[data-part=late]")).to_have_text(
        "Captions are 4 s late: the server does not keep up."
    )
    expect(part("[data-part=late-advice]")).to_contain_text("catches up")
    part("[data-part=mute]").click()
    expect(part("[data-part=state]")).to_have_text("Behind, muted")
    page.evaluate("say('delay', { state: 'live', message: 'again' })")
    expect(part("[data-part=state]")).to_have_text("Live, muted")
    expect(part("[data-part=late]")).to_be_hidden()
    page.evaluate("say('delay', { state: 'behind', message: 'late' })")
    part("[data-part=stop]").click()
    expect(part("[data-part=state]")).to_have_text("Stopped")
    expect(part("[data-part=late]")).to_be_hidden()


@pytest.mark.parametrize("button", ["reconnect", "start"])
def test_a_lost_call_can_be_tried_again_and_again_and_its_captions_stay(
    page: Page, button: str
) -> None:
    part = shown(page).locator
    page.evaluate(ANSWERED)
    part("[data-part=start]").click()
    expect(part("[data-part=state]")).to_have_text("Live")
    page.evaluate("(caption) => say('caption', caption)", caption(1, "before"))
    page.evaluate("window.gone = true, change('lost', 'The server is gone.')")
    for _ in range(3):
        expect(part("[data-part=reconnect]")).to_be_visible()
        part(f"[data-part={button}]").click()
        expect(part("[data-part=problem]")).to_contain_text("The call failed")
        expect(part("[data-part=state]")).to_have_text("Not connected")
        expect(part(".caption.final p")).to_have_text(["before"])
    page.evaluate("window.gone = false")
    part(f"[data-part={button}]").click()
    expect(part("[data-part=state]")).to_have_text("Live")
    expect(part("[data-part=problem]")).to_be_hidden()
    page.evaluate("(caption) => say('caption', caption)", caption(1, "after"))
    expect(part(".caption.final p")).to_have_text(["before", "after"])
    part("[data-part=stop]").click()
    page.evaluate("window.gone = true")
    part("[data-part=start]").click()
    expect(part("[data-part=problem]")).to_contain_text("The call failed")
    expect(part(".caption.final p")).to_have_text(["before", "after"])
    page.evaluate("window.gone = false")
    part("[data-part=start]").click()
    expect(part("[data-part=state]")).to_have_text("Live")
    page.evaluate("(caption) => say('caption', caption)", caption(1, "third"))
    expect(part(".caption.final p")).to_have_text(["before", "after", "third"])
    page.get_by_text("Save", exact=True).click()
    part("[data-part=clear]").click()
    page.keyboard.press("Enter")  # the first answer is to keep it
    expect(part(".caption.final")).to_have_count(3)
    part("[data-part=clear]").click()
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(part(".caption.final")).to_have_count(0)
    page.evaluate("(caption) => say('caption', caption)", caption(2, "fourth"))
    expect(part(".caption.final p")).to_have_text(["fourth"])


def test_a_translation_is_a_second_line_that_stays_with_its_caption(page: Page) -> None:
    lines = page.evaluate(
        """async ([partial, final]) => {
            const { CaptionList } = await import("./captions.js");
            const list = new CaptionList(10);
            const shown = [list.translate({ turn: 1, text: "There", final: false })];
            list.apply(partial);
            shown.push(list.translate({ turn: 1, text: "There is", final: false }));
            list.apply(final);
            shown.push(list.lines[0].english, list.lines[0].settled);
            shown.push(list.translate({ turn: 1, text: "There is a cup.", final: true }));
            return [...shown, list.lines[0].text, list.lines[0].english, list.lines[0].settled];
        }""",
        [caption(1, "Il y", final=False), caption(1, "Il y a une tasse.")],
    )
    assert lines == [
        *(False, True, "There is", False, True),
        *("Il y a une tasse.", "There is a cup.", True),
    ]


KEPT = """async (ended) => {
    const { KeptCall } = await import("./call/kept_call.js");
    const { EyelineClient } = await import("./eyeline.js");
    const location = new URL("v1/realtime/calls/sess_1", document.baseURI).href;
    const call = { location, began: 1000, now: 2000, restoring: false, state: "live" };
    const client = Object.assign(new EventTarget(), call);
    const kept = new KeptCall(() => ({ muted: false, picture: { kind: "camera" } }));
    kept.follow(client);
    const tell = (name, detail) => client.dispatchEvent(new CustomEvent(name, { detail }));
    const receive = (...events) => events.forEach((event) => tell("event", event));
    tell("state", { state: "live" });
    const [record] = JSON.parse(localStorage["eyeline.calls"]);
    receive(
        { type: "session.created", event_id: "event_1", session: { id: "sess_1" } },
        { type: "eyeline.caption", event_id: "event_2", final: true, text: "a secret" },
        { type: "eyeline.memory.moment", event_id: "event_3" },
        { type: "conversation.item.added", event_id: "event_4", item: { id: "question_1" } });
    kept.note({ type: "page.asked", id: "question_2", text: "a secret question" });
    receive({ type: "eyeline.answer.evidence", event_id: "event_5", moments: ["a secret"] });
    if (ended) client.location = "";
    kept.note({ type: "page.cleared" });
    if (!ended) receive({ type: "eyeline.caption", event_id: "event_6", final: true, text: "new" });
    const { events } = (await kept.past(record)).at(-1);
    const again = new EyelineClient();
    again.restore({ location, began: 1000, events });
    kept.decline(record);
    return [events.map(({ event }) => [event.type, event.event_id]), again.newQuestion()];
}"""


def test_what_is_cleared_is_not_kept_for_a_reload_but_the_call_goes_on(page: Page) -> None:
    assert page.evaluate(KEPT, False) == [
        [
            ["session.created", "event_1"],
            ["eyeline.memory.moment", "event_3"],
            ["page.cleared", "event_5"],  # nothing before it is sent again
            ["eyeline.caption", "event_6"],
        ],
        "question_3",
    ]


def test_what_is_cleared_after_a_call_is_not_kept_at_all(page: Page) -> None:
    assert page.evaluate(KEPT, True) == [[], "question_1"]

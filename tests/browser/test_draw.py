"""The Draw tab: what a person does becomes events, and how drawing goes is shown; no service."""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from models.generation.small.info import read_info
from models.generation.small.loading import find_files
from models.generation.small.prompts.reading import MOTIONS
from models.generation.small.prompts.vocabulary import without_article
from tests.browser.chromium import chromium, new_page
from tests.browser.static_files import static_files
from tests.web.protocol.test_protocol import PIXEL
from web.cli.generation.inputs import read_track_file

pytestmark = pytest.mark.browser

DRAWS = {
    "about": "video is drawn by a small model at 64 x 64 pixels: its shapes are rough",
    "stand_in": False,
    "size": [64, 64],
    "rate": 16.0,
    "samplers": {"motion-stream": 2, "rolling-forcing": 5, "stream-dit": 1},
    "things": ["duck", "car", "car horn"],
    "backgrounds": ["grass", "sand"],
}
STATUS = {
    "type": "eyeline.generation.status",
    "state": "drawing",
    "sampler": "motion-stream",
    "steps": 2,
    "rate": 16.0,
    "fps": 15.9,
    "queue": 3,
    "delay_ms": 140,
    "degraded": False,
    "pictures": 812,
    "notices": ["the motion was read from the words: left"],
}
SHOWN = """async () => {
    document.body.innerHTML = await (await fetch("page.html")).text();
    Object.assign(document.querySelector(".eyeline").dataset, { state: "live", view: "draw" });
    const styled = document.createElement("link");
    const loaded = new Promise((done) => styled.addEventListener("load", done));
    document.head.append(Object.assign(styled, { rel: "stylesheet", href: "page.css" }));
    await loaded;
    const { partsOf } = await import("./view.js");
    const { DrawingBoard } = await import("./drawing.js");
    const parts = partsOf(document.body);
    parts.welcome.hidden = true;
    parts["draw-more"].open = true;
    window.sent = [];
    const made = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
    const pen = made.getContext("2d");
    let count = 0;
    window.painting = setInterval(() => {
        pen.fillStyle = `hsl(${(count += 9)} 80% 50%)`;
        pen.fillRect(0, 0, 64, 64);
    }, 30);
    const remote = made.captureStream();
    parts.generated.muted = true;
    parts.generated.srcObject = remote;
    await new Promise((done) => parts.generated.addEventListener("loadeddata", done));
    window.client = { state: "live", remote };
    client.send = (event) => { sent.push(event); window.lastId = event.event_id; };
    window.kept = [];
    const now = () => performance.timeOrigin + performance.now();
    window.board = new DrawingBoard(parts, (event) => kept.push({ event, at: now() }));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(None) as browser:
        yield browser


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with static_files() as url:
        yield url


@pytest.fixture(scope="module")
def tab(browser: Browser, url: str) -> Iterator[Page]:
    page, witness = new_page(browser, allowed=False, viewport={"width": 1240, "height": 900})
    page.goto(url)
    yield page
    assert [error for error in witness.errors if "404" not in error] == []  # no icon here


@pytest.fixture
def page(tab: Page) -> Iterator[Page]:
    """The page's markup with a board, in a call that nobody is behind."""
    tab.evaluate(SHOWN)
    tab.evaluate("board.attach(client)")
    yield tab
    tab.evaluate("board.detach(); clearInterval(painting)")


@pytest.fixture
def drawing(page: Page) -> Page:
    """The same where it draws."""
    offer(page, DRAWS)
    part(page, "prompt").fill("a duck and a car on grass")
    part(page, "draw-begin").click()
    receive(page, updated(), STATUS)
    sent(page)
    return page


def part(page: Page, name: str) -> Locator:
    return page.locator(f"[data-part={name}]")


def receive(page: Page, *events: dict[str, Any]) -> None:
    page.evaluate("(events) => events.forEach((event) => board.receive(event))", list(events))


def offer(page: Page, draws: dict[str, Any] | None) -> None:
    receive(page, {"type": "session.created", "session": {"eyeline": {"generation": draws}}})


def updated(*, enabled: bool = True, paused: bool = False) -> dict[str, Any]:
    shown = {"enabled": enabled, "paused": paused}
    return {"type": "eyeline.generation.updated", "generation": shown}


def sent(page: Page) -> list[dict[str, Any]]:
    """Return the events that were sent since the last call of this, without their ids."""
    events: list[dict[str, Any]] = page.evaluate("sent.splice(0)")
    assert all(event.pop("event_id").startswith("drawing_") for event in events)
    return events


def sent_soon(page: Page, count: int = 1) -> list[dict[str, Any]]:
    page.wait_for_function("count => sent.length >= count", arg=count)
    return sent(page)


def picture(page: Page) -> dict[str, float]:
    """Return the box of the square picture in the middle of the canvas."""
    box = part(page, "path-canvas").bounding_box()
    assert box is not None
    side = min(box["width"], box["height"])
    left = box["x"] + (box["width"] - side) / 2
    return {"x": left, "y": box["y"] + (box["height"] - side) / 2, "side": side}


def at(page: Page, x: float, y: float) -> tuple[float, float]:
    box = picture(page)
    return box["x"] + x * box["side"], box["y"] + y * box["side"]


def points(events: list[dict[str, Any]], thing: int) -> list[tuple[float, float]]:
    assert {(each["type"], each["thing"]) for each in events} == {("eyeline.track.append", thing)}
    return [(point["x"], point["y"]) for each in events for point in each["points"]]


# What there is to draw with.


def test_before_a_call_the_card_says_what_it_is_for_and_that_a_small_model_draws(
    page: Page,
) -> None:
    page.evaluate("board.detach()")
    expect(part(page, "draw-hint")).to_contain_text("a small model generates the video live")
    expect(part(page, "prompt")).to_be_disabled()
    expect(part(page, "draw-begin")).to_be_disabled()
    expect(part(page, "record")).to_be_disabled()


def test_without_a_generation_model_the_card_says_why_and_is_disabled(page: Page) -> None:
    why = "no video is generated: models/checkpoints/drawing.safetensors is missing"
    receive(page, {"type": "eyeline.notice", "level": "info", "message": why})
    offer(page, None)
    expect(part(page, "draw-hint")).to_have_text(
        "This server generates no video: models/checkpoints/drawing.safetensors is missing."
    )
    for name in ("prompt", "draw-begin", "track-clear", "pause", "sampler", "seed", "record"):
        expect(part(page, name)).to_be_disabled()
    expect(part(page, "path-canvas")).to_be_hidden()
    assert sent(page) == []


def test_with_a_generation_model_the_card_describes_it(page: Page) -> None:
    offer(page, DRAWS)
    expect(part(page, "draw-hint")).to_contain_text("Video is drawn by a small model at 64 x 64")
    part(page, "draw-model-name").click()
    expect(part(page, "draw-knows")).to_have_text("It knows duck, car, car horn; on grass, sand.")
    options = part(page, "sampler").locator("option").evaluate_all("all => all.map((o) => o.value)")
    assert options == list(DRAWS["samplers"])  # type: ignore[call-overload]  # a mapping
    expect(part(page, "steps")).to_have_attribute("placeholder", "2")
    page.get_by_role("button", name="a duck on grass, moving in a circle").click()
    expect(part(page, "prompt")).to_have_value("a duck on grass, moving in a circle")
    expect(part(page, "prompt")).to_be_focused()
    assert sent(page) == []
    offer(page, {**DRAWS, "things": ["apple", "mandarin", "owl", "white owl"]})
    begin = part(page, "draw-suggestions").get_by_role("button")
    expect(begin).to_have_text(
        ["an apple on grass, moving in a circle", "an apple and an owl on sand"]
    )


def test_a_later_session_update_leaves_what_was_chosen(page: Page) -> None:
    offer(page, DRAWS)
    part(page, "sampler").select_option("stream-dit")
    receive(page, {"type": "session.updated", "session": {"eyeline": {"generation": DRAWS}}})
    offer(page, {**DRAWS, "about": "video is drawn by another"})
    expect(part(page, "sampler")).to_have_value("stream-dit")
    expect(part(page, "steps")).to_have_attribute("placeholder", "1")


# Prompts.


def test_to_draw_is_to_begin_with_all_settings_and_then_the_prompt(page: Page) -> None:
    offer(page, DRAWS)
    part(page, "sampler").select_option("rolling-forcing")
    part(page, "seed").fill("7")
    part(page, "prompt").fill("  a duck  ")
    part(page, "prompt").press("Enter")
    assert sent(page) == [
        {
            "type": "eyeline.generation.update",
            "enabled": True,
            "paused": False,
            "sampler": "rolling-forcing",
            "steps": None,
            "seed": 7,
            "source": "none",
            "strength": 0.6,
        },
        {"type": "eyeline.prompt.set", "text": "a duck"},
    ]
    receive(page, updated(), STATUS)
    part(page, "prompt").fill("a car")
    expect(part(page, "draw-begin")).to_have_text("Change")
    part(page, "draw-begin").click()
    assert sent(page) == [{"type": "eyeline.prompt.set", "text": "a car"}]
    part(page, "draw-end").click()
    assert sent(page) == [{"type": "eyeline.generation.update", "enabled": False}]
    receive(page, updated(enabled=False))
    expect(part(page, "path-canvas")).to_be_hidden()
    expect(part(page, "draw-begin")).to_have_text("Draw")


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_prompt_is_not_sent(page: Page, text: str) -> None:
    offer(page, DRAWS)
    part(page, "prompt").fill(text)
    part(page, "draw-begin").click()
    assert sent(page) == []


def test_a_second_prompt_is_blended_by_its_share_and_a_drag_is_few_messages(drawing: Page) -> None:
    page = drawing
    expect(part(page, "blend")).to_be_disabled()
    part(page, "prompt-second").fill("a car on sand")
    part(page, "prompt-second").press("Tab")
    first = {"text": "a duck and a car on grass", "weight": 0.5}
    second = {"text": "a car on sand", "weight": 0.5}
    assert sent_soon(page) == [{"type": "eyeline.prompt.set", "blend": [first, second]}]
    page.evaluate(
        """() => {
            const slider = document.querySelector('[data-part=blend]');
            for (let share = 0; share <= 80; share += 1) {
                slider.value = share;
                slider.dispatchEvent(new Event('input'));
            }
        }"""
    )
    events = sent_soon(page)
    assert len(events) == 1
    assert [each["weight"] for each in events[0]["blend"]] == pytest.approx([0.2, 0.8])
    expect(part(page, "blend-value")).to_have_text("80 %")
    part(page, "prompt-second").fill("")
    part(page, "prompt-second").press("Tab")
    assert sent_soon(page) == [{"type": "eyeline.prompt.set", "text": first["text"]}]
    expect(part(page, "blend")).to_be_disabled()


# Paths.


def test_a_mouse_draws_the_path_of_the_chosen_thing_within_the_picture(drawing: Page) -> None:
    page = drawing
    page.mouse.move(*at(page, 0.25, 0.5))
    assert sent(page) == []  # no button was pressed
    page.mouse.down()
    for share in (0.3, 0.5, 0.75):
        page.mouse.move(*at(page, share, 0.25))
    page.mouse.up()
    path = points(sent(page), 0)  # the rest was sent when the button came up
    assert path[0] == pytest.approx((0.25, 0.5), abs=0.01)
    assert path[-1] == pytest.approx((0.75, 0.25), abs=0.01)
    page.mouse.move(*at(page, 0.1, 0.1))
    assert sent(page) == []


def test_a_pointer_outside_the_frame_is_clamped_to_its_edge(drawing: Page) -> None:
    page = drawing
    page.mouse.move(*at(page, 0.9, 0.9))
    page.mouse.down()
    page.mouse.move(*at(page, 1.3, 2.0))
    page.mouse.up()
    assert points(sent(page), 0)[-1] == (1, 1)


def test_the_other_thing_has_a_path_of_its_own(drawing: Page) -> None:
    page = drawing
    page.get_by_role("radio", name="car").check()
    page.mouse.move(*at(page, 0.5, 0.5))
    page.mouse.down()
    page.mouse.up()
    assert points(sent(page), 1) == [pytest.approx((0.5, 0.5), abs=0.01)]
    part(page, "track-clear").click()
    assert sent(page) == [{"type": "eyeline.track.clear"}]


def test_quick_pointer_movements_are_sent_together(drawing: Page) -> None:
    page = drawing
    page.evaluate(
        """([x, y]) => {
            const canvas = document.querySelector('[data-part=path-canvas]');
            const all = { pointerId: 1, bubbles: true, button: 0, clientY: y };
            const tell = (type, more) =>
                canvas.dispatchEvent(new PointerEvent(type, { ...all, ...more }));
            canvas.setPointerCapture = () => {};
            tell('pointerdown', { clientX: x });
            for (let n = 0; n < 2000; n += 1) tell('pointermove', { clientX: x + n / 20 });
            tell('pointerup', {});
        }""",
        list(at(page, 0.1, 0.5)),
    )
    events = sent_soon(page)
    assert sum(len(each["points"]) for each in events) <= 200
    assert len(events) <= 2


def test_keys_choose_move_and_forget(drawing: Page) -> None:
    page = drawing
    part(page, "path-canvas").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    page.wait_for_function("sent.at(-1)?.points?.at(-1).y === 0.38")
    assert points(sent(page), 0)[-1] == (0.54, 0.38)
    page.keyboard.press("2")
    expect(part(page, "thing-second")).to_be_checked()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function("sent.at(-1)?.points?.at(-1).x === 0")
    assert points(sent(page), 1)[-1] == (0, 0.5)
    page.keyboard.press("Delete")
    assert sent(page)[-1] == {"type": "eyeline.track.clear", "thing": 1}


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("Two CARS and a duck", ["car", "duck"]),
        ("a car horn on sand", ["car horn", "second thing"]),
        ("a cartoon", ["first thing", "second thing"]),
    ],
)
def test_paths_are_named_after_the_things_in_the_prompt(
    page: Page, prompt: str, names: list[str]
) -> None:
    offer(page, DRAWS)
    part(page, "prompt").fill(prompt)
    shown = [part(page, f"thing-{n}-name").inner_text() for n in ("first", "second")]
    assert shown == names


# How it is drawn.


def test_settings_are_sent_during_generation_unless_out_of_range(drawing: Page) -> None:
    page = drawing

    def control_message(**changes: object) -> list[dict[str, object]]:
        return [{"type": "eyeline.generation.update", **changes}]

    part(page, "sampler").select_option("stream-dit")
    assert sent(page) == control_message(sampler="stream-dit", steps=None)
    part(page, "steps").fill("3")
    part(page, "steps").press("Enter")
    assert sent_soon(page) == control_message(steps=3)
    part(page, "steps").fill("9")
    part(page, "steps").press("Enter")
    part(page, "seed").fill("-1")
    part(page, "seed").press("Enter")
    part(page, "seed").fill("12")
    part(page, "seed").press("Enter")
    assert sent_soon(page) == control_message(seed=12)
    part(page, "pause").click()
    assert sent(page) == control_message(paused=True)
    receive(page, updated(paused=True))
    expect(part(page, "pause")).to_have_text("Resume")
    part(page, "step-once").click()
    assert sent(page) == control_message(paused=True, step=True)
    part(page, "pause").click()
    assert sent(page) == control_message(paused=False)
    part(page, "reset").click()
    assert sent(page) == control_message(reset=True)


def test_the_slider_sets_how_closely_the_camera_is_followed(drawing: Page) -> None:
    page = drawing
    expect(part(page, "strength")).to_be_disabled()
    page.get_by_text("From my camera").click()
    assert sent(page) == [{"type": "eyeline.generation.update", "source": "camera"}]
    part(page, "strength").fill("25")
    assert sent_soon(page) == [{"type": "eyeline.generation.update", "strength": 0.25}]
    expect(part(page, "strength-value")).to_have_text("25 %")


def test_generation_status_is_shown_and_notices_appear_once(drawing: Page) -> None:
    page = drawing
    expect(part(page, "draw-state")).to_have_text("Drawing")
    expect(part(page, "draw-fps")).to_have_text("16 fps")
    expect(part(page, "draw-delay")).to_have_text("140 ms")
    expect(part(page, "draw-remarks")).to_have_text("The motion was read from the words: left.")
    expect(part(page, "generated-what")).to_have_text("live, by a small model")
    page.evaluate("document.querySelector('[data-part=draw-remarks] li').id = 'same'")
    receive(page, {**STATUS, "pictures": 830})
    expect(part(page, "draw-pictures")).to_have_text("830")
    expect(page.locator("#same")).to_have_count(1)
    receive(page, {**STATUS, "degraded": True, "steps": 1, "rate": 9.25, "delay_ms": None})
    expect(part(page, "draw-remarks")).to_contain_text(
        "This machine is too slow: 1 of 2 steps and 9.3 of 16 frames"
    )
    expect(part(page, "draw-delay")).to_have_text("–")
    receive(page, {**STATUS, "state": "full"})
    expect(part(page, "draw-state")).to_contain_text(
        "the maximum number of sessions is generating video"
    )
    expect(part(page, "path-canvas")).to_be_hidden()


def test_a_refusal_is_shown_beside_the_controls_until_the_next_try(
    drawing: Page,
) -> None:
    page = drawing
    refused = "(error) => board.refused(error)"
    refusal = {
        "message": "text: expected words for what to draw, got '🦆'",
        "event_id": "drawing_2",
    }
    assert page.evaluate(refused, refusal) is True
    expect(part(page, "draw-remarks")).to_contain_text("Text: expected words for what to draw")
    assert page.evaluate(refused, {"message": "another", "event_id": "question_1_item"}) is False
    assert page.evaluate(refused, {"message": "another", "event_id": None}) is False
    part(page, "draw-begin").click()
    expect(part(page, "draw-remarks")).not_to_contain_text("expected words")


# The file, and the end.


def recorded(file: Path) -> tuple[str, int]:
    """Return the size of the pictures in `file`, and how many there are."""
    with av.open(str(file)) as container:
        frames = list(container.decode(video=0))
    return f"{frames[0].width}x{frames[0].height}", len(frames)


def show(page: Page, count: int) -> None:
    """Return once `count` more pictures were shown."""
    page.evaluate(
        """(left) => new Promise((done) => {
            const video = document.querySelector('[data-part=generated]');
            const count = () => (left-- > 0 ? video.requestVideoFrameCallback(count) : done());
            count();
        })""",
        count,
    )


def test_returned_video_can_be_recorded_to_a_file(drawing: Page, tmp_path: Path) -> None:
    page = drawing
    part(page, "record").click()
    expect(part(page, "record")).to_have_text("Stop recording")
    expect(part(page, "record")).to_have_attribute("aria-pressed", "true")
    show(page, 12)
    with page.expect_download() as download:
        part(page, "record").click()
    assert download.value.suggested_filename == "eyeline-drawing.webm"
    download.value.save_as(tmp_path / "made.webm")
    size, count = recorded(tmp_path / "made.webm")
    assert size == "64x64"
    assert count >= 6
    expect(part(page, "record")).to_have_text("Record")


def test_a_call_that_ends_ends_the_recording_with_its_file_and_the_drawing(drawing: Page) -> None:
    page = drawing
    part(page, "record").click()
    show(page, 12)
    with page.expect_download() as download:
        page.evaluate("client.state = 'ended', board.detach()")
    assert download.value.suggested_filename == "eyeline-drawing.webm"
    expect(part(page, "path-canvas")).to_be_hidden()
    expect(part(page, "prompt")).to_be_disabled()
    expect(part(page, "prompt")).to_have_value("a duck and a car on grass")
    expect(part(page, "performance")).to_be_hidden()
    expect(part(page, "generated-what")).to_contain_text("returned with captions")


# For everybody.


def test_every_control_has_a_name_and_a_role(drawing: Page) -> None:
    page = drawing
    named = [
        ("textbox", "Prompt: what to draw"),
        ("textbox", "Blend with"),
        ("slider", "Share"),
        ("radio", "duck"),
        ("radio", "car"),
        ("switch", "From my camera"),
        ("slider", "Strength"),
        ("combobox", "Sampler"),
        ("spinbutton", "Steps"),
        ("spinbutton", "Seed"),
        *(("button", name) for name in ("Change", "Clear paths", "Pause", "Step", "Record")),
    ]
    for role, name in named:
        found = page.get_by_role(role, name=name, exact=False)  # type: ignore[arg-type]
        assert found.count() >= 1, (role, name)
    expect(part(page, "path-canvas")).to_have_attribute("tabindex", "0")


def test_on_a_telephone_a_finger_draws_and_nothing_is_wider_than_the_screen(
    browser: Browser, url: str
) -> None:
    screen = {"width": 360, "height": 740}
    phone, witness = new_page(
        browser, allowed=False, viewport=screen, has_touch=True, is_mobile=True
    )
    phone.goto(url)
    phone.evaluate(SHOWN)
    phone.evaluate("board.attach(client)")
    offer(phone, DRAWS)
    part(phone, "prompt").fill("a duck on grass")
    part(phone, "draw-begin").tap()
    receive(phone, updated(), STATUS)
    sent(phone)
    assert phone.evaluate("document.documentElement.scrollWidth") == screen["width"]
    phone.evaluate("scrollTo(0, 0)")
    assert picture(phone)["side"] > 0.9 * (screen["width"] - 24)
    finger = phone.context.new_cdp_session(phone)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        touched = [{"x": x, "y": y} for x, y in places]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    touch("touchStart", at(phone, 0.2, 0.8))
    touch("touchMove", at(phone, 0.5, 0.5))
    touch("touchMove", at(phone, 0.9, 0.1))  # beneath the camera's corner
    touch("touchEnd")
    phone.wait_for_function("sent.flatMap((event) => event.points).some(({ x }) => x > 0.85)")
    path = points(sent(phone), 0)
    assert path[0] == pytest.approx((0.2, 0.8), abs=0.01)
    assert path[-1] == pytest.approx((0.9, 0.1), abs=0.01)
    assert phone.evaluate("scrollY") == 0
    phone.context.close()
    assert [error for error in witness.errors if "404" not in error] == []


@pytest.fixture
def pictured(page: Page) -> Page:
    """A board that offers what the shipped model knows."""
    known = read_info(find_files().dit).vocabulary
    fields = {
        "things": list(known.kinds),
        "backgrounds": [without_article(name) for name in known.grounds],
        "motions": list(MOTIONS),
    }
    offer(page, {**DRAWS, **fields})
    page.wait_for_selector(".known-picture")
    return page


def press(page: Page, name: str) -> None:
    """Press what is shown, or find it first."""
    palette = part(page, "draw-palette")
    button = palette.get_by_role("button", name=name, exact=True)
    if not button.count():
        palette.get_by_role("searchbox").fill(name)
    button.click()
    palette.get_by_role("searchbox").fill("")


def test_what_is_known_is_offered_as_pictures_that_make_a_prompt(pictured: Page) -> None:
    palette = part(pictured, "draw-palette")
    groups = palette.get_by_role("group", name="Kinds of things").get_by_role("button")
    shown: list[str] = []
    for group in groups.all():
        group.click()
        expect(group).to_be_focused()
        shown += (
            palette.get_by_role("group", name="Things", exact=True)
            .locator(".known-one:has(.known-picture)")
            .all_inner_texts()
        )
    assert sorted(shown) == sorted(read_info(find_files().dit).vocabulary.kinds)
    assert palette.get_by_role("group", name="Backgrounds").locator(".known-picture").count() == 32
    groups.first.click()
    assert pictured.locator("[data-part=draw-suggestions] .known-picture").count() == 6
    for name in ("duck", "left", "car", "grass"):
        press(pictured, name)
    expect(part(pictured, "prompt")).to_have_value("a duck moving left and a car on grass")
    for name in ("balloon", "up", "grass", "stormy sky"):  # a third thing takes the second's place
        press(pictured, name)
    expect(part(pictured, "prompt")).to_have_value(
        "a duck moving left and a balloon rising on a stormy sky"
    )
    assert sent(pictured) == []  # nothing is drawn yet
    part(pictured, "draw-begin").click()
    receive(pictured, updated(), STATUS)
    sent(pictured)
    press(pictured, "balloon")
    assert sent(pictured) == [
        {"type": "eyeline.prompt.set", "text": "a duck moving left on a stormy sky"}
    ]


def test_a_prompt_presses_what_it_was_read_as_and_names_the_paths(pictured: Page) -> None:
    event = updated()
    event["generation"]["readings"] = [
        {
            "caption": "a rabbit moving left and a cow on grass",
            "things": [{"name": "rabbit", "motion": "left"}, {"name": "cow", "motion": None}],
            "background": "grass",
            "unknown": [],
        }
    ]
    receive(pictured, event)
    pressed = pictured.locator(".known-one[aria-pressed=true]")
    assert pressed.all_inner_texts() == ["cow", "rabbit", "grass"]  # in the palette's order
    expect(part(pictured, "thing-first-name")).to_have_text("rabbit")
    expect(part(pictured, "thing-second-name")).to_have_text("cow")


def test_a_prompt_that_is_not_drawn_says_why_once(drawing: Page) -> None:
    reason = 'the model cannot draw "cat"; nearest known: tiger'
    cause = drawing.evaluate("sent.at(-1)?.event_id ?? 'drawing_1'")
    drawing.evaluate("(error) => board.refused(error)", {"message": reason, "event_id": cause})
    receive(drawing, {**STATUS, "state": "refused", "notices": [reason]})
    expect(part(drawing, "draw-state")).to_have_text("Not drawn")
    expect(part(drawing, "draw-remarks").locator("li")).to_have_text(
        'The model cannot draw "cat"; nearest known: tiger.'
    )
    expect(part(drawing, "draw-remarks").locator("li")).to_have_class("warning")


def test_paths_are_undone_one_by_one(drawing: Page) -> None:
    expect(part(drawing, "track-undo")).to_be_disabled()
    canvas = part(drawing, "path-canvas")
    canvas.press("ArrowRight")
    first = sent_soon(drawing)[-1]["points"][-1]
    canvas.press("ArrowDown")
    assert sent_soon(drawing)[-1]["points"][-1] != first
    part(drawing, "track-undo").click()
    assert sent(drawing) == [
        {"type": "eyeline.track.clear", "thing": 0},
        {"type": "eyeline.track.append", "thing": 0, "points": [first]},
    ]
    part(drawing, "track-undo").click()
    assert sent(drawing) == [{"type": "eyeline.track.clear", "thing": 0}]
    expect(part(drawing, "track-undo")).to_be_disabled()


def saved_film(page: Page, file: Path) -> Path:
    with page.expect_download() as download:
        part(page, "draw-film").get_by_role("button", name="Save film").click()
    download.value.save_as(file)
    return file


def test_what_was_drawn_is_there_and_can_be_undone_after_the_page_was_loaded_again(
    drawing: Page, tmp_path: Path
) -> None:
    canvas = part(drawing, "path-canvas")
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "2", "ArrowLeft"):
        canvas.press(key)
        if key.startswith("Arrow"):
            sent_soon(drawing)
    part(drawing, "track-undo").click()
    first = sent(drawing)
    canvas.press("1")
    canvas.press("ArrowUp")
    sent_soon(drawing)
    part(drawing, "prompt").fill("a car on grass")
    part(drawing, "draw-begin").click()
    before = json.loads(saved_film(drawing, tmp_path / "before.json").read_text())
    listed = part(drawing, "draw-film").locator("li").all_inner_texts()
    kept = drawing.evaluate("kept")
    drawing.evaluate("board.detach(); clearInterval(painting)")
    drawing.evaluate(SHOWN)
    drawing.evaluate(
        """(kept) => {
            board.attach(client);
            for (const { event, at } of kept) {
                client.now = at;
                board.receive(event);
            }
            delete client.now;
        }""",
        kept,
    )
    offer(drawing, DRAWS)
    receive(drawing, updated(), STATUS)
    assert drawing.evaluate("kept") == []  # what is there again is not kept twice
    assert part(drawing, "draw-film").locator("li").all_inner_texts() == listed
    after = json.loads(saved_film(drawing, tmp_path / "after.json").read_text())
    assert [text for _, text in after["prompts"]] == [text for _, text in before["prompts"]]
    assert after["things"] == before["things"]
    for _ in range(3):
        part(drawing, "track-undo").click()
    events = sent(drawing)
    assert [event["type"] for event in events[::2]] == ["eyeline.track.clear"] * 3
    places = [event["points"] for event in events[1::2]]
    assert [[(each["x"], each["y"]) for each in place] for place in places] == [
        [(0.54, 0.58)],
        [(0.54, 0.54)],
        [(0.54, 0.5)],
    ]
    part(drawing, "track-undo").click()
    assert sent(drawing) == [{"type": "eyeline.track.clear", "thing": 0}]
    assert first == [{"type": "eyeline.track.clear", "thing": 1}]
    expect(part(drawing, "track-undo")).to_be_disabled()


def test_a_film_is_saved_as_the_command_takes_it_and_drawn_again(
    drawing: Page, tmp_path: Path
) -> None:
    part(drawing, "path-canvas").press("ArrowRight")
    sent_soon(drawing)
    part(drawing, "prompt").fill("a car on grass")
    part(drawing, "draw-begin").click()
    file = saved_film(drawing, tmp_path / "film.json")
    film = read_track_file(file)
    assert [prompt.text for prompt in film.prompts] == [
        "a duck and a car on grass",
        "a car on grass",
    ]
    assert film.prompts[0].time == 0
    assert film.prompts[1].time > 0
    (track,) = film.tracks
    assert track is not None
    sent(drawing)
    drawing.locator("[data-part=draw-film] input").set_input_files(file)
    reset, path, first = sent_soon(drawing, 3)[:3]
    assert reset == {"type": "eyeline.generation.update", "reset": True}
    assert path["points"][0]["t"] == 0
    assert path["points"][-1] == {"t": track.times[-1], "x": 0.54, "y": 0.5}
    assert first == {"type": "eyeline.prompt.set", "text": "a duck and a car on grass"}
    file.write_text('{"prompts": [[0, "a duck"], [1e9, "a car"]]}')  # no timer waits so long
    drawing.locator("[data-part=draw-film] input").set_input_files(file)
    expect(part(drawing, "draw-film").get_by_role("alert")).to_contain_text("film.json is no film")


def test_a_film_that_is_opened_before_drawing_starts_it_and_is_drawn_to_its_end(
    pictured: Page, tmp_path: Path
) -> None:
    file = tmp_path / "film.json"
    track = [[number / 500, 0.5, 0.5] for number in range(1500)]
    prompts = [[0, "a duck on grass"], [0.3, "a car on grass"]]
    file.write_text(json.dumps({"prompts": prompts, "things": [track]}))
    pictured.locator("[data-part=draw-film] input").set_input_files(file)
    pictured.wait_for_function(
        "sent.filter((event) => event.type === 'eyeline.prompt.set').length === 2"
    )
    events = sent(pictured)
    assert any(event.get("enabled") for event in events), events
    drawn = [event["text"] for event in events if event["type"] == "eyeline.prompt.set"]
    assert drawn == ["a duck on grass", "a car on grass"]
    parts = [event["points"] for event in events if event["type"] == "eyeline.track.append"]
    assert [len(points) for points in parts] == [1000, 500], "as much as a session takes at once"
    assert [[point["t"], point["x"], point["y"]] for points in parts for point in points] == track


def test_a_thing_is_found_by_a_part_of_its_name_and_what_is_pressed_stays_in_sight(
    pictured: Page,
) -> None:
    palette = part(pictured, "draw-palette")
    things = palette.get_by_role("group", name="Things", exact=True).locator(".known-one")
    search = palette.get_by_role("searchbox")
    search.fill("Plane")
    assert things.all_inner_texts() == ["airplane"]
    things.first.click()
    search.fill("qwertz")
    expect(palette.get_by_text("The model knows nothing called “qwertz”.")).to_be_visible()
    search.press("Escape")
    expect(search).to_have_value("")
    palette.get_by_role("button", name="Food").click()
    assert things.all_inner_texts()[:2] == ["airplane", "apple"]
    wide = """() => [...document.querySelectorAll(".known-one")].filter(
        (each) => each.scrollWidth > each.clientWidth).map((each) => each.title)"""
    for group in ("Mammals", "Vehicles", "Objects"):
        palette.get_by_role("button", name=group).click()
        assert pictured.evaluate(wide) == []


def with_looks(page: Page) -> None:
    offer(page, {**DRAWS, "motions": list(MOTIONS), "max_looks": 2})


def look(name: str = "mug", **changes: Any) -> dict[str, Any]:
    fields = {"role": "thing", "cut": "border", "faces": None, "replaces": None, "image": PIXEL}
    return {"type": "eyeline.look.updated", "look": {"name": name, **fields, **changes}}


def test_a_picture_from_a_file_is_sent_named_and_put_into_the_palette(
    drawing: Page, tmp_path: Path
) -> None:
    with_looks(drawing)
    file = tmp_path / "My red_mug 2.png"
    picture = Image.new("RGBA", (600, 300))
    picture.paste((200, 40, 30, 255), (100, 100, 500, 200))
    picture.save(file)
    drawing.get_by_role("button", name="Add a picture").click()
    form = drawing.get_by_role("form", name="A picture of your own")
    form.locator("input[type=file]").set_input_files(file)
    expect(form.get_by_label("Name")).to_have_value("my red mug")
    form.get_by_label("Name").fill("mug")
    form.get_by_label("It faces").select_option("left")
    form.get_by_role("button", name="Add").click()
    (event,) = sent(drawing)
    head, _, data = event.pop("image").partition(",")
    assert event == {
        "type": "eyeline.look.set",
        "name": "mug",
        "role": "thing",
        "whole": False,
        "faces": "left",
    }
    assert head == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as shown:
        assert shown.size == (256, 128)
        assert shown.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]  # RGBA has four
        assert shown.convert("RGBA").getpixel((128, 64))[3] == 255  # type: ignore[index]
    receive(drawing, look())
    expect(form).to_be_hidden()
    palette = part(drawing, "draw-palette")
    expect(palette.get_by_text("mug: its plain background was cut away.")).to_be_visible()
    palette.get_by_role("button", name="mug", exact=True).click()
    assert sent(drawing)[-1] == {"type": "eyeline.prompt.set", "text": "a mug"}
    expect(part(drawing, "thing-first-name")).to_have_text("mug")
    palette.get_by_role("button", name="Remove mug").click()
    assert sent(drawing) == [{"type": "eyeline.look.delete", "name": "mug"}]
    receive(drawing, {"type": "eyeline.look.deleted", "name": "mug"})
    expect(palette.get_by_role("button", name="mug", exact=True)).to_have_count(0)


def test_a_part_of_the_cameras_frame_is_chosen_by_drag_or_by_keys(drawing: Page) -> None:
    with_looks(drawing)
    drawing.get_by_role("button", name="Add a picture").click()
    form = drawing.get_by_role("form", name="A picture of your own")
    form.get_by_role("button", name="From the camera").click()
    expect(form.get_by_role("alert")).to_have_text("The camera shows nothing yet.")
    drawing.evaluate("""async () => {
        const camera = document.querySelector("[data-part=camera]");
        camera.srcObject = document.querySelector("[data-part=generated]").srcObject;
        await new Promise((done) => camera.addEventListener("loadeddata", done));
    }""")
    form.get_by_role("button", name="From the camera").click()
    expect(form.get_by_role("alert")).to_have_count(0)
    form.get_by_label("Name").fill("desk")
    form.get_by_label("Use").select_option("background")
    expect(form.get_by_label("It faces")).to_be_disabled()
    frame = form.get_by_role("application")
    for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowRight"):  # from the middle, 0.7 of each side
        frame.press(key)

    def size() -> tuple[int, int]:
        form.get_by_role("button", name="Add").click()
        (event,) = sent(drawing)
        assert (event["role"], event["faces"]) == ("background", None)
        data = event["image"].partition(",")[2]
        with Image.open(io.BytesIO(base64.b64decode(data))) as shown:
            return shown.size

    assert size() == (48, 45)  # of 64 pixels
    refusal = {"message": "name: choose another", "event_id": drawing.evaluate("lastId")}
    assert drawing.evaluate("(error) => board.refused(error)", refusal)
    expect(form.get_by_role("alert")).to_have_text("Name: choose another")
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    assert box is not None
    drawing.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.25 * box["height"])
    drawing.mouse.down()
    drawing.mouse.move(box["x"] + box["width"] + 50, box["y"] + 0.75 * box["height"])
    drawing.mouse.up()
    assert size() == (32, 32)


def test_pictures_are_there_after_a_reload_as_many_as_a_session_takes_and_gone_with_the_call(
    drawing: Page,
) -> None:
    with_looks(drawing)
    told = look("duck", replaces="duck", cut="whole")
    receive(drawing, told, look("den", role="background"))
    palette = part(drawing, "draw-palette")
    expect(palette.get_by_role("button", name="duck", exact=True)).to_have_count(1)  # in its place
    expect(palette.get_by_role("group", name="Backgrounds").locator(".own-one")).to_have_count(1)
    expect(drawing.get_by_role("button", name="Add a picture")).to_be_disabled()
    drawing.evaluate("board.detach()")
    drawing.evaluate("board.attach(client)")
    with_looks(drawing)
    expect(palette.locator(".own-one")).to_have_count(0)
    offer(drawing, {**DRAWS, "max_looks": 0})
    expect(drawing.get_by_role("button", name="Add a picture")).to_be_hidden()

"""The memory as a timeline: scenes, the strip of the session, its zoom; without a service."""

import itertools
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_seen import evidence, moment, page, receive, tab, times

pytestmark = pytest.mark.browser
__all__ = ["page", "tab"]  # fixtures


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("brown cat, middle; nobody", "brown cat"),
        ("black cup, left; one person, waving", "black cup, one person"),
        ('sign; two people; text "STOP, now"', "sign, two people"),
        ("A man opens a door", "A man opens a door"),
        ("", ""),
    ],
)
def test_a_scene_is_named_after_what_is_seen_not_where(page: Page, text: str, name: str) -> None:
    assert (
        page.evaluate('async (text) => (await import("./memory/scenes.js")).nameOf(text)', text)
        == name
    )


def test_moments_that_show_the_same_are_one_scene_with_its_times(page: Page) -> None:
    cat, dog = "brown cat, {}; nobody", "dog; nobody"
    receive(page, moment(1, 9.0, cat.format("left")), moment(2, 20.0, cat.format("middle")))
    assert times(page) == ["0:09 to 0:20"]
    page.locator(".moments button").focus()
    orange = "orange cat, right; nobody"  # in another light
    receive(page, moment(3, 42.0, orange), moment(4, 50.0, dog))
    receive(page, moment(5, 55.0, cat.format("left")))
    assert times(page) == ["0:09 to 0:42", "0:50", "0:55"]
    assert page.locator(".moments .words").all_inner_texts() == ["brown cat", "dog", "brown cat"]
    expect(page.locator(".moments button").first).to_be_focused()  # what grows keeps the keyboard
    receive(page, moment(6, 30.0, dog))  # comes late, and parts a scene
    assert times(page) == ["0:09 to 0:20", "0:30", "0:42", "0:50", "0:55"]
    page.get_by_role("button", name="brown cat").first.click()
    opened = page.get_by_role("dialog")
    expect(opened).to_contain_text("0:09 brown cat, left")
    page.keyboard.press("ArrowRight")  # from moment to moment, also within a scene
    expect(opened).to_contain_text("0:20 brown cat, middle")
    page.keyboard.press("Escape")


def test_the_strip_goes_from_scene_to_scene_by_key_and_says_where_it_is(page: Page) -> None:
    strip = page.get_by_role("slider", name="Timeline")
    expect(strip).to_be_hidden()
    receive(page, *[moment(n, 10.0 * n, f"thing {n}") for n in range(6)])
    strip.focus()
    strip.press("ArrowLeft")
    expect(strip).to_have_attribute("aria-valuetext", "thing 5, 0:50")
    strip.press("ArrowLeft")
    expect(strip).to_have_attribute("aria-valuetext", "thing 4, 0:40")
    expect(strip).to_have_attribute("aria-valuenow", "40")
    expect(page.locator(".moments [aria-current=true]")).to_contain_text("thing 4")
    strip.press("Home")
    expect(strip).to_have_attribute("aria-valuetext", "thing 0, 0:00")
    strip.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("0:00 thing 0")
    page.keyboard.press("Escape")


def test_a_pointer_scrubs_the_strip_and_shows_what_was_there(page: Page) -> None:
    receive(page, *[moment(n, 10.0 * n, f"thing {n}") for n in range(11)])
    box = page.locator("[data-part=overview]").bounding_box()
    assert box is not None

    def at(time: float) -> tuple[float, float]:
        return box["x"] + box["width"] * time / 100, box["y"] + 8

    page.mouse.move(*at(35))
    expect(page.locator("[data-part=peek-words]")).to_have_text("0:35 thing 3")
    expect(page.locator(".moments [aria-current=true]")).to_have_count(0)
    page.mouse.down()
    page.mouse.move(*at(72))
    page.mouse.up()
    expect(page.locator(".moments [aria-current=true]")).to_contain_text("thing 7")
    page.mouse.move(0, 0)
    expect(page.locator("[data-part=peek]")).to_be_hidden()


def test_what_an_answer_is_made_from_lights_up_until_the_next_one(page: Page) -> None:
    moments = [moment(n, 10.0 * n, f"thing {n}") for n in range(4)]
    receive(page, *moments)
    lit = page.locator(".moments .lit")
    for id, used in (("r1", moments[:2]), ("r2", moments[3:])):
        response = {"id": id, "metadata": {}}
        receive(page, {"type": "response.created", "response": response}, evidence(id, *used))
    expect(lit).to_have_count(1)
    expect(lit).to_contain_text("thing 3")
    page.locator(".exchange").first.hover()
    expect(lit).to_have_count(2)
    page.locator("[data-part=question]").hover()
    expect(lit).to_contain_text("thing 3")


def view(page: Page, expression: str, *arguments: Any) -> Any:
    """Evaluate `expression` of memory/window.js with arguments a0, a1, and so on."""
    names = ", ".join(f"a{n}" for n in range(len(arguments)))
    return page.evaluate(
        f"""async ([{names}]) => {{
            const {{ WHOLE, reaching, shown, ticks, zoomed }} = await import("./memory/window.js");
            return {expression};
        }}""",
        list(arguments),
    )


def test_zoom_keeps_the_time_under_the_pointer_in_its_place(page: Page) -> None:
    for time, now in ((30.0, 100.0), (0.0, 100.0), (100.0, 100.0), (7.0, 3600.0)):
        found = view(page, "shown(zoomed(WHOLE, 2, a0, a1), a1)", time, now)
        assert found["to"] - found["from"] == pytest.approx(now / 2)
        assert (time - found["from"]) / (found["to"] - found["from"]) == pytest.approx(time / now)
    back = view(page, "zoomed(zoomed(WHOLE, 4, 30, 100), 1 / 8, 30, 100)")
    assert back == {"start": 0, "span": 0}  # the whole session, also as it grows
    closest = view(page, "shown(zoomed(WHOLE, 1e6, 50, 100), 100)")
    assert closest["to"] - closest["from"] == 10


def test_the_strip_moves_to_what_is_chosen_and_stays_otherwise(page: Page) -> None:
    zoomed = {"start": 20, "span": 20}
    assert view(page, "reaching(a0, 30, 100)", zoomed) == zoomed
    moved = view(page, "shown(reaching(a0, 70, 100), 100)", zoomed)
    assert moved == {"from": 60, "to": 80}
    assert view(page, "shown(reaching(a0, 99, 100), 100)", zoomed) == {"from": 80, "to": 100}


@pytest.mark.parametrize(("seconds", "step"), [(12, 2), (65, 10), (600, 60), (9000, 900)])
def test_the_scale_has_round_times(page: Page, seconds: float, step: float) -> None:
    found = view(page, "ticks(1, a0, 10)", seconds)
    assert found[0] == step
    assert {after - before for before, after in itertools.pairwise(found)} == {step}
    assert len(found) <= 11

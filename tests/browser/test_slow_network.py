"""A call of the page over a path that loses, delays and is narrow: it says so, and goes on."""

import asyncio
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.chromium import Devices, chromium, new_page, still_file, turns_file
from tests.patience import PATIENCE
from tests.rtc.link import Conditions
from tests.rtc.udp_link import UdpLink, udp_link
from tests.web.served import scripted_models, served
from web.config import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CLEAN = Conditions()
POOR = Conditions(loss=0.05, delay=0.15, rate=200_000)  # 300 ms both ways
TIME = "() => document.querySelector('[data-part=generated]').currentTime"
LISTEN = """() => {
    window.told = [];
    const problem = document.querySelector("[data-part=problem]");
    const changes = { childList: true, subtree: true, characterData: true };
    new MutationObserver(() => told.push(problem.textContent)).observe(problem, changes);
}"""
MOUNT = """async () => {
    document.body.innerHTML = await (await fetch("page.html")).text();
    (await import("./page.js")).mount(document.body);
}"""


class ImpairedPath(threading.Thread):
    """Runs a link in an event loop of its own: those of the browser and the service are theirs."""

    def __init__(self) -> None:
        super().__init__(name="link")
        self._made: Future[tuple[UdpLink, asyncio.AbstractEventLoop]] = Future()
        self._over: asyncio.Event
        self.start()
        self.link, self._loop = self._made.result(PATIENCE)

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        self._over = asyncio.Event()
        async with udp_link() as link:
            self._made.set_result((link, asyncio.get_running_loop()))
            await self._over.wait()

    def become(self, conditions: Conditions) -> None:
        """Have other conditions from now on, both ways."""
        schedule = [(0.0, conditions)]
        self._loop.call_soon_threadsafe(lambda: self.link.change(up=schedule, down=schedule))

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self.join(PATIENCE)


@contextmanager
def impaired(page: Page) -> Iterator[ImpairedPath]:
    """Lead the next call of the page over a path; both sides see it in place of each other."""
    path = ImpairedPath()

    def lead(route: Route) -> None:
        offer = path.link.towards_callee(route.request.post_data or "")
        answer = route.fetch(post_data=offer)
        route.fulfill(response=answer, body=path.link.towards_caller(answer.text()))

    page.route("**/v1/realtime/calls?*", lead)
    try:
        yield path
    finally:
        path.end()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    settings = Settings(resume_timeout=PATIENCE, call_timeout=PATIENCE)
    devices = Devices(still_file(tmp_path), turns_file(tmp_path), repeat=True)
    with (
        scripted_models() as models,
        served(settings, models) as service,
        chromium(devices) as browser,
    ):
        page, witness = new_page(browser, allowed=True, base_url=service.http)
        page.goto("/static/index.html")
        page.evaluate(MOUNT)
        yield page
        page.context.close()
        assert witness.errors == []


def test_a_poor_path_is_told_in_words_while_captions_and_pictures_come_and_a_dead_one_is_too(
    page: Page,
) -> None:
    quality, lines = page.locator("[data-part=quality]"), page.locator(".caption.final")
    with impaired(page) as path:
        page.locator("[data-part=talk]").uncheck()  # what the microphone says is no question
        page.locator("[data-part=start]").click()
        expect(page.locator(".eyeline")).to_have_attribute("data-state", "live")
        path.become(POOR)
        expect(quality).to_have_text(re.compile("(weak|bad) connection: .*(lost on the way|s to)"))
        seen = page.evaluate(TIME)
        heard = lines.count()
        page.wait_for_function(f"seen => ({TIME})() > seen + 1", arg=seen)
        page.wait_for_function(
            "n => document.querySelectorAll('.caption.final').length > n", arg=heard
        )
        page.locator("[data-part=question]").fill("what is there?")
        page.locator("[data-part=send]").click()
        expect(page.locator(".exchange .answer")).to_contain_text("You asked: what is there?")
        page.evaluate(LISTEN)  # the call goes on beside the path so soon that words may be gone
        path.become(replace(POOR, up=False))
        page.wait_for_function(
            "() => told.some((text) => text.includes('Nothing comes from the server.'))"
        )
        expect(page.locator(".eyeline")).to_have_attribute("data-state", "live")
        path.become(CLEAN)
        page.locator("[data-part=stop]").click()

"""The page gets back to its session: after a break of the path, and when it is loaded again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aioice.ice import StunProtocol
from playwright.sync_api import Browser, Page, Route, expect

from rtc.aiortc_patches.datagrams import GuardedProtocol
from tests.browser.chromium import Devices, chromium, new_page, still_file, turns_file
from tests.chaos.scripted_service import running
from tests.patience import PATIENCE
from tests.web.served import Served, scripted_models, served
from web.config import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    settings = Settings(resume_timeout=PATIENCE, call_timeout=PATIENCE)
    with scripted_models() as models, served(settings, models) as service:
        yield service


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("devices")
    devices = Devices(still_file(folder), turns_file(folder), repeat=True)
    with chromium(devices) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, service: Served) -> Iterator[Page]:
    page, witness = new_page(browser, allowed=True, base_url=service.http)
    mount(page)
    yield page
    page.context.close()
    assert [each for each in witness.errors if "409" not in each] == []  # of a call that is over


def mount(page: Page, *, again: bool = False) -> None:
    """Show the page, also `again` in the same tab, as F5 does."""
    if again:
        page.reload()
    else:
        page.goto("/static/index.html")
    page.evaluate(
        """async () => {
            document.body.innerHTML = await (await fetch("page.html")).text();
            (await import("./page.js")).mount(document.body);
        }"""
    )


class Network:
    """The network of the service: the sockets in `dead` send and receive nothing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sockets: set[StunProtocol] = set()
        self.dead: set[StunProtocol] = set()
        receive, send, send_stun, made = (
            GuardedProtocol.datagram_received,
            StunProtocol.send_data,
            StunProtocol.send_stun,
            StunProtocol.connection_made,
        )

        def note(protocol: StunProtocol, *arguments: Any) -> None:
            self.sockets.add(protocol)
            made(protocol, *arguments)

        def take(protocol: GuardedProtocol, *arguments: Any) -> None:
            if protocol not in self.dead:
                receive(protocol, *arguments)

        async def send_unless_dead(protocol: StunProtocol, *arguments: Any) -> None:
            if protocol not in self.dead:
                await send(protocol, *arguments)

        def send_stun_unless_dead(protocol: StunProtocol, *arguments: Any) -> None:
            if protocol not in self.dead:
                send_stun(protocol, *arguments)

        monkeypatch.setattr(StunProtocol, "connection_made", note)
        monkeypatch.setattr(GuardedProtocol, "datagram_received", take)
        monkeypatch.setattr(StunProtocol, "send_data", send_unless_dead)
        monkeypatch.setattr(StunProtocol, "send_stun", send_stun_unless_dead)

    def cut(self) -> None:
        """Cut every path that there is; what connects later has another one."""
        self.dead |= self.sockets


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    return Network(monkeypatch)


def state(page: Page, expected: str) -> None:
    expect(page.locator(".eyeline")).to_have_attribute("data-state", expected)


def session(page: Page) -> dict[str, Any]:
    sessions = page.request.get("/sessions").json()["sessions"]
    [found] = [each for each in sessions if each["state"] == "live"]
    return found  # type: ignore[no-any-return]


@contextmanager
def live(page: Page) -> Iterator[None]:
    page.locator("[data-part=start]").click()
    state(page, "live")
    page.locator(".caption.final").first.wait_for()
    yield
    page.locator("[data-part=stop]").click()
    state(page, "ended")


def test_the_page_gets_back_to_its_session_and_keeps_what_it_shows(
    page: Page, network: Network
) -> None:
    with live(page):
        before = page.locator(".caption.final").all_inner_texts()
        held: list[Route] = []  # the offer of the page: it is not back before that is seen
        page.route("**/v1/realtime/calls/*", lambda route: held.append(route))  # noqa: PLW0108
        network.cut()
        state(page, "reconnecting")
        expect(page.locator("[data-part=problem]")).to_contain_text("session is kept")
        while not held:
            page.wait_for_timeout(50)  # lets Playwright handle the route
        held[0].continue_()
        page.unroute("**/v1/realtime/calls/*")
        state(page, "live")
        expect(page.locator("[data-part=problem]")).to_be_hidden()
        found = session(page)
        assert (found["state"], found["client"], found["returns"]) == ("live", "connected", 1)
        page.wait_for_function(
            "n => document.querySelectorAll('.caption.final').length > n", arg=len(before)
        )
        after = page.locator(".caption.final").all_inner_texts()
        assert after[: len(before)] == before
        page.locator("[data-part=question]").fill("what is there?")
        page.locator("[data-part=send]").click()
        expect(page.locator("[data-part=stream]")).to_contain_text("what is there?")


def test_a_call_can_be_stopped_while_it_is_interrupted(page: Page, network: Network) -> None:
    with live(page):
        held: list[Route] = []
        page.route("**/v1/realtime/calls/*", lambda route: held.append(route))  # noqa: PLW0108
        network.cut()
        state(page, "reconnecting")
        expect(page.locator("[data-part=stop]")).to_be_enabled()
        page.unroute("**/v1/realtime/calls/*")


REQUEST = "tell me when 999"  # which no picture is
QUESTION = "what is there?"


def ask(page: Page, question: str) -> None:
    page.locator("[data-part=question]").fill(question)
    page.locator("[data-part=question]").press("Enter")


def answers(page: Page) -> list[str]:
    """Return what was asked and answered so far, once everything is answered."""
    expect(page.locator(".exchange[aria-busy=true]")).to_have_count(0)
    return page.locator(".exchange").all_inner_texts()


def moments(page: Page) -> int:
    words = page.locator("[data-part=moments-count]").inner_text()
    return int(words.split()[0]) if words else 0


def what_the_person_has(page: Page) -> dict[str, Any]:
    lines = page.locator(".caption.final")
    return {
        "captions": lines.all_inner_texts(),
        "answers": answers(page),
        "requests": page.locator(".requests li").all_inner_texts(),
        "moments": moments(page),
    }


def assert_kept(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Check that nothing of `before` is lost, and nothing is there twice."""
    count = len(before["captions"])
    assert after["captions"][:count] == before["captions"]
    assert after["answers"] == before["answers"]
    assert after["requests"] == before["requests"]
    assert after["moments"] >= before["moments"] > 0


def test_a_page_that_is_loaded_again_goes_on_with_its_call_and_shows_all_that_was_there(
    page: Page,
) -> None:
    page.locator("[data-part=talk]").uncheck()  # what the microphone says is no question
    with live(page):
        ask(page, REQUEST)
        ask(page, QUESTION)
        page.locator(".requests li").wait_for()
        id, before = session(page)["id"], what_the_person_has(page)
        assert len(before["answers"]) == 2
        page.locator("[data-part=mute]").click()
        mount(page, again=True)
        state(page, "muted")  # as it was
        assert_kept(before, what_the_person_has(page))
        found = session(page)
        assert (found["id"], found["state"], found["client"]) == (id, "live", "connected")
        assert page.locator(".notice", has_text="A new call").count() == 0
        page.locator("[data-part=mute]").click()
        ask(page, "and now?")
        assert "seen" in answers(page)[-1]  # by the memory of before
        page.wait_for_function(
            "n => document.querySelectorAll('.caption.final').length > n",
            arg=len(before["captions"]),
        )


def test_a_closed_tab_leaves_a_call_that_the_next_one_goes_on_with_or_ends(page: Page) -> None:
    page.locator("[data-part=start]").click()
    state(page, "live")
    page.locator(".caption.final").first.wait_for()
    before, id = page.locator(".caption.final").all_inner_texts(), session(page)["id"]
    page = another_tab(page)
    problem = page.locator("[data-part=problem]")
    expect(problem).to_contain_text("The server keeps it for")
    page.locator("[data-part=resume]").click()
    state(page, "live")
    assert page.locator(".caption.final").all_inner_texts()[: len(before)] == before
    assert session(page)["id"] == id
    page = another_tab(page, shown=False)
    page.request.delete(f"/v1/realtime/calls/{id}")
    mount(page, again=True)  # there is nothing to go on with
    state(page, "failed")
    problem = page.locator("[data-part=problem]")
    expect(problem).to_contain_text(
        "The server has ended the call. The conversation so far is kept."
    )
    assert page.locator(".caption.final").all_inner_texts()[: len(before)] == before
    page.locator("[data-part=reconnect]").click()
    state(page, "live")
    page.locator(".notice", has_text="A new call").wait_for()
    page = another_tab(page)
    page.locator("[data-part=decline]").click()
    expect(page.locator("[data-part=problem]")).to_be_hidden()
    page.wait_for_function(
        """async () => (await (await fetch("/sessions")).json()).sessions.every(
            (session) => session.state === "ended")"""
    )


def another_tab(page: Page, *, shown: bool = True) -> Page:
    """Close the tab of `page`, and return another one of the same browser."""
    context = page.context
    page.close()
    another = context.new_page()
    if shown:
        mount(another)
    else:
        another.goto("/static/index.html")
    return another


def test_a_service_that_is_killed_and_started_again_leaves_the_transcript_and_says_what_is_lost(
    browser: Browser, tmp_path: Path
) -> None:
    with running(tmp_path, resume_timeout=PATIENCE, call_timeout=PATIENCE) as service:
        page, _ = new_page(browser, allowed=True, base_url=service.http)
        mount(page)
        page.locator("[data-part=talk]").uncheck()
        page.locator("[data-part=start]").click()
        state(page, "live")
        page.locator(".caption.final").first.wait_for()
        ask(page, QUESTION)
        before = what_the_person_has(page)
        service.process.kill()
        problem = page.locator("[data-part=problem]")
        state(page, "reconnecting")
        expect(problem).to_contain_text("Trying to get back to it for")
        assert page.locator(".exchange").all_inner_texts() == before["answers"]
        port = int(service.address.rpartition(":")[2])
        service.process.wait(PATIENCE)
        with scripted_models() as models, served(Settings(port=port), models):
            state(page, "lost")
            expect(problem).to_contain_text("The server no longer knows this call")
            expect(problem).to_contain_text("The conversation so far is kept.")
            page.locator("[data-part=reconnect]").click()
            state(page, "live")
            page.locator(".notice", has_text="what was seen before is not remembered").wait_for()
            after = page.locator(".caption.final").all_inner_texts()
            assert after[: len(before["captions"])] == before["captions"]
            assert answers(page) == before["answers"]
            page.context.close()


def test_a_recorded_call_goes_on_when_its_service_is_back_however_late(
    browser: Browser, tmp_path: Path
) -> None:
    """The service was killed, and is back after the page has given up."""
    recordings = tmp_path / "recordings"
    with running(tmp_path, recordings=recordings, resume_timeout=1, call_timeout=3) as service:
        page, _ = new_page(browser, allowed=True, base_url=service.http)
        mount(page)
        page.locator("[data-part=talk]").uncheck()
        page.locator("[data-part=start]").click()
        state(page, "live")
        page.locator(".caption.final").first.wait_for()
        ask(page, QUESTION)
        before = what_the_person_has(page)
        service.process.kill()
        service.process.wait(PATIENCE)
        state(page, "lost")
        again = page.locator("[data-part=reconnect]")
        again.click()
        expect(page.locator("[data-part=problem]")).to_contain_text("The call failed.")
        port = int(service.address.rpartition(":")[2])
        settings = Settings(port=port, recordings=recordings)
        with scripted_models() as models, served(settings, models):
            again.click()
            state(page, "live")
            page.locator(".notice", has_text="goes on from its recording").wait_for()
            assert answers(page) == before["answers"]
            after = page.locator(".caption.final").all_inner_texts()
            assert after[: len(before["captions"])] == before["captions"]
            ask(page, QUESTION)
            assert len(answers(page)) == len(before["answers"]) + 1
            page.context.close()

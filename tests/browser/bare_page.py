"""The demo page's markup and modules in a page without a service; a test plays the server."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page

from tests.browser.chromium import chromium, new_page
from tests.browser.static_files import static_files

ANSWERED = """async () => {
    const { CallError, EyelineClient } = await import("./eyeline.js");
    const say = (client, name, detail) => client.dispatchEvent(new CustomEvent(name, { detail }));
    EyelineClient.prototype.connect = async function () {
        if (window.gone) throw new CallError("gone");
        window.client = this;
        window.sent = [];
        this.send = (event) => sent.push(event);
        window.say = (name, detail) => say(this, name, detail);
        window.change = (state, reason = "") => {
            this.state = state;
            say(this, "state", { state, reason });
        };
        change("live");
    };
    EyelineClient.prototype.stop = async () => change("ended");
}"""


@contextmanager
def bare_tab() -> Iterator[Page]:
    """Yield a tab of a browser without devices, at the client's files, with nothing that moves."""
    with static_files() as url, chromium(None) as browser:
        page, _ = new_page(browser, allowed=False, reduced_motion="reduce")
        page.goto(url)
        yield page


def shown(page: Page) -> Page:
    """Put the demo page's markup into the bare page and make it work, with the sample clip."""
    page.evaluate("localStorage.clear()")  # what an earlier test chose
    page.reload()
    page.evaluate(
        """async () => {
            localStorage.clear(); // what another test has chosen
            document.body.innerHTML = await (await fetch("page.html")).text();
            (await import("./page.js")).mount(document.body);
        }"""
    )
    page.check("[data-part=sample]")
    return page

"""The demo page's markup and modules in a page without a service; a test plays the server."""

from playwright.sync_api import Page

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

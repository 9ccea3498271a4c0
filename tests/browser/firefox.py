"""Firefox without a window, driven by WebDriver BiDi, which it speaks itself, without a driver.

Its camera shows moving colors, and its microphone sounds a tone. Source: W3C WebDriver BiDi.
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.patience import PATIENCE

PROGRAM = shutil.which("firefox-esr") or shutil.which("firefox")
DENIED = 2  # of a permission, as Firefox numbers them
PREFERENCES: dict[str, bool | int | str] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.peerconnection.ice.loopback": True,
    "media.autoplay.default": 0,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.enabled": False,
}


class FirefoxError(RuntimeError):
    """Firefox refused a command, or a script failed in it."""


class Firefox:
    """One tab; `errors` has the errors in its console, and exceptions that nobody caught."""

    def __init__(self, connection: Connection) -> None:
        self.errors: list[str] = []
        self._connection = connection
        self._numbers = count(1)
        self._send("session.new", capabilities={})
        self._send("session.subscribe", events=["log.entryAdded"])
        tree = self._send("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]

    def open(self, url: str) -> None:
        """Load a page."""
        self._send("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def reload(self) -> None:
        """Load the page again, as F5 does."""
        self._send("browsingContext.reload", context=self._context, wait="complete")

    def run(self, expression: str) -> Any:
        """Return the JSON value of an expression or a promise of it, as after a click.

        Raises:
            FirefoxError: it threw something.
        """
        found = self._send(
            "script.evaluate",
            expression=f"(async () => JSON.stringify((await ({expression})) ?? null))()",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        if found["type"] != "success":
            raise FirefoxError(f"{expression}: {found['exceptionDetails']['text']}")
        return json.loads(found["result"]["value"])

    def wait(self, expression: str) -> Any:
        """Return the value of an expression as soon as it is true.

        Raises:
            FirefoxError: it never is.
        """
        end = time.monotonic() + PATIENCE
        script = f"""new Promise((resolve) => {{
            const look = () => {{
                const value = {expression};
                if (value) resolve(value);
                else setTimeout(look, 50);
            }};
            look();
            setTimeout(() => resolve(null), {1000 * PATIENCE});
        }})"""
        value = self.run(script)
        if value is None or time.monotonic() > end:
            raise FirefoxError(f"never true: {expression}; {self.errors}")
        return value

    def drag(self, selector: str) -> None:
        """Drag the mouse over an element, from its left to its right."""
        element = f"document.querySelector({json.dumps(selector)})"
        self.run(f"void {element}.scrollIntoView({{ block: 'center' }})")
        box = self.run(f"{element}.getBoundingClientRect()")
        y = round(box["y"] + box["height"] / 2)
        places = [round(box["x"] + box["width"] * share) for share in (0.3, 0.5, 0.7)]
        moves = [{"type": "pointerMove", "x": x, "y": y, "duration": 50} for x in places]
        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        mouse = {"type": "pointer", "id": "mouse", "actions": [moves[0], down, *moves[1:], up]}
        self._send("input.performActions", context=self._context, actions=[mouse])

    def _send(self, method: str, **params: object) -> Any:
        """Return the result of a command; note errors of the page that arrive before it."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._connection.recv(2 * PATIENCE))
            if message.get("method") == "log.entryAdded":
                if message["params"]["level"] == "error":
                    self.errors.append(message["params"]["text"])
            elif message.get("id") == number:
                if message["type"] == "error":
                    raise FirefoxError(f"{method}: {message['message']}")
                return message["result"]


@contextmanager
def firefox(**preferences: bool | int | str) -> Iterator[Firefox]:
    """Run Firefox with a profile of its own until the block ends."""
    assert PROGRAM is not None
    with tempfile.TemporaryDirectory() as folder:
        chosen = {**PREFERENCES, **{name.replace("__", "."): v for name, v in preferences.items()}}
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in chosen.items()]
        Path(folder, "user.js").write_text("\n".join(lines), encoding="utf-8")
        program = [PROGRAM, "--headless", "--no-remote", "--profile", folder]
        browser = subprocess.Popen(
            [*program, "--remote-debugging-port", "0", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            with connect(_address(browser), max_size=None, open_timeout=PATIENCE) as connection:
                yield Firefox(connection)
        finally:
            browser.kill()
            browser.wait(PATIENCE)
            assert browser.stderr is not None
            browser.stderr.close()


def _address(browser: "subprocess.Popen[str]") -> str:
    """Return where Firefox listens, as it says."""
    assert browser.stderr is not None
    said = []
    for line in browser.stderr:
        said.append(line)
        _, found, address = line.partition("WebDriver BiDi listening on ")
        if found:
            return f"{address.strip()}/session"
    raise FirefoxError(f"it did not start: {''.join(said)[-1000:]}")

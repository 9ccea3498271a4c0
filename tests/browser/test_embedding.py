"""eyeline in pages of others: the example apps of docs/browser.md and docs/gradio.md."""

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread

import pytest
from playwright.sync_api import Browser, expect
from pydantic import SecretStr

from tests.browser.chromium import Devices, chromium, new_page, still_file, turns_file
from tests.paths import ROOT
from tests.web.served import scripted_models, served
from web.config import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

KEY = "the-key-of-the-service"
EXAMPLES = ROOT / "docs" / "examples"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("devices")
    devices = Devices(still_file(folder), turns_file(folder), repeat=True)
    with chromium(devices) as browser:
        yield browser


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the example app."""
    monkeypatch.setenv("EYELINE_API_KEY", KEY)
    example = runpy.run_path(str(EXAMPLES / "app.py"))
    with example["server"](0, "") as server, scripted_models() as models:
        url = f"http://localhost:{server.server_port}"
        with served(Settings(api_key=SecretStr(KEY), origins=(url,)), models) as service:
            example["App"].service = service.http
            Thread(target=server.serve_forever, daemon=True).start()
            yield url
            server.shutdown()


def test_the_example_app_of_another_site_captions_and_answers_with_a_secret(
    browser: Browser, app: str
) -> None:
    page, witness = new_page(browser, allowed=True)
    page.goto(app)
    page.click("#start")
    expect(page.locator("#state")).to_have_text("live ")
    expect(page.locator("#caption")).to_contain_text("one")
    page.fill("[name=question]", "What do you see?")
    page.press("[name=question]", "Enter")
    expect(page.locator("#answer")).not_to_be_empty()
    assert page.evaluate("document.querySelector('#camera').videoWidth") > 0
    page.context.close()
    assert witness.errors == []
    assert witness.hosts == {"localhost", "127.0.0.1"}


@contextmanager
def gradio_app(service: str) -> Iterator[str]:
    """Run the app of docs/gradio.md, with the key and another port; yield its address."""
    script = (EXAMPLES / "gradio_app.py").read_text()
    script = script.replace('"http://localhost:7860"', f'"{service}", key={KEY!r}')
    script = script.replace("server_port=7861", "server_port=None, prevent_thread_lock=True")
    script += "\nprint(demo.local_url, flush=True)\nimport sys\nsys.stdin.read()\n"
    own = {"PYTHONPATH": str(ROOT), "GRADIO_ANALYTICS_ENABLED": "False"}
    environment = {**os.environ, **own}  # noqa: TID251 - of a process of its own
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as app:
        assert app.stdout is not None
        lines = (re.search(r"^http://\S+?(?=/?$)", line.strip()) for line in app.stdout)
        yield next(found[0] for found in lines if found)
        app.kill()


def test_a_gradio_app_has_the_page_and_hears_what_is_said(browser: Browser) -> None:
    with scripted_models() as models, ExitStack() as started:
        settings = Settings(api_key=SecretStr(KEY), origins=("*",))
        service = started.enter_context(served(settings, models))
        url = started.enter_context(gradio_app(service.http))
        page, witness = new_page(browser, allowed=True)
        page.goto(url)
        page.locator("[data-part=start]:enabled").click()
        expect(page.locator(".eyeline")).to_have_attribute("data-state", "live")
        expect(page.locator("textarea")).to_have_value(re.compile("one two"))
        page.context.close()
        assert witness.errors == []


def test_the_document_shows_the_gradio_app_that_is_tested() -> None:
    script = (EXAMPLES / "gradio_app.py").read_text()
    assert f"```python\n{script}```" in (ROOT / "docs" / "gradio.md").read_text()

"""eyeline in pages of others: the example app of docs/browser.md, on another site."""

import runpy
from collections.abc import Iterator
from threading import Thread

import pytest
from playwright.sync_api import Browser, expect
from pydantic import SecretStr

from tests.browser.chromium import Devices, camera_file, chromium, microphone_file, new_page
from tests.paths import ROOT
from tests.web.served import scripted_models, served
from web.config import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

KEY = "the-key-of-the-service"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("devices")
    devices = Devices(camera_file(folder), microphone_file(folder, lead=0.5), repeat=True)
    with chromium(devices) as browser:
        yield browser


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the example app."""
    monkeypatch.setenv("EYELINE_API_KEY", KEY)
    example = runpy.run_path(str(ROOT / "docs" / "examples" / "app.py"))
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

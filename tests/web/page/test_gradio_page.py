"""The page at "/": what is served, and what is not, without a browser."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.served import scripted_models
from web.app import create_app
from web.config import Settings
from web.errors import PageError
from web.page.client_files import STATIC
from web.page.frame import ROOT, GradioFrame, rendering
from web.page.gradio_page import DESCRIPTION

pytestmark = pytest.mark.slow  # importing Gradio takes seconds


@pytest.fixture(scope="module")
def client(frame: GradioFrame) -> Iterator[TestClient]:
    settings = Settings(origins=("https://app.example",))
    with (
        scripted_models() as models,
        TestClient(
            create_app(settings, models, frame),
            base_url="http://localhost:7860",
            client=("127.0.0.1", 50000),
        ) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def html(client: TestClient) -> str:
    return client.get("/").text


def gradio_config(html: str) -> dict[str, Any]:
    """Return the configuration that Gradio's frame starts with."""
    _, start = html.split("window.gradio_config = ", 1)
    config: dict[str, Any] = json.JSONDecoder().raw_decode(start)[0]
    return config


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("eyeline.js", "text/javascript"),
        ("page.css", "text/css"),
        ("sample.webm", "video/webm"),
        ("icon.svg", "image/svg+xml"),
        ("", "text/html"),
    ],
)
def test_the_client_s_files_are_ours_and_have_their_type(
    client: TestClient, name: str, kind: str
) -> None:
    answer = client.get(f"/static/{name}")
    # The system's table of types may have JavaScript's older name.
    type = answer.headers["content-type"].split(";")[0].replace("application/java", "text/java")
    assert type == kind
    assert answer.content == (STATIC / (name or "index.html")).read_bytes()


@pytest.mark.parametrize("origin", ["https://stranger.example", "https://app.example", "null"])
def test_pages_of_any_site_may_load_the_client_and_nothing_else(
    client: TestClient, origin: str
) -> None:
    answer = client.get("/static/eyeline.js", headers={"Origin": origin})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] in ("*", origin)
    for path in ("/", "/health", "/sessions", "/theme.css"):
        refused = client.get(path, headers={"Origin": origin})
        assert (refused.status_code == 200) == (origin == "https://app.example"), path


class Loaded(HTMLParser):
    """Collects what a page loads, and its metadata."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.meta: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "script" and "src" in given:
            self.urls.append(given["src"])
        if tag == "link":
            self.urls.append(given["href"])
        if tag == "meta":
            name = given.get("property") or given.get("name") or ""
            assert name not in self.meta, f"{name} twice"
            self.meta[name] = given.get("content", "")


def loaded(html: str) -> Loaded:
    page = Loaded()
    page.feed(html)
    return page


def test_everything_that_the_frame_loads_is_served(client: TestClient, html: str) -> None:
    urls = [*loaded(html).urls, "static/page.css", "static/page.js", "theme.css", "favicon.ico"]
    scripts = [url for url in urls if url.endswith(".js")]
    assert len(scripts) >= 2
    for url in (*urls, "static/js/iframeResizer.contentWindow.min.js"):
        answer = client.get(f"/{url.removeprefix('./')}")
        assert answer.status_code == 200, url
        assert answer.content


def test_a_link_preview_names_this_service(html: str) -> None:
    assert "<title>eyeline</title>" in html
    meta = loaded(html).meta
    assert meta["og:title"] == "eyeline"
    assert meta["description"] == meta["og:description"] == DESCRIPTION
    shown = [value for name, value in meta.items() if name != "viewport"]
    assert not any("gradio" in value.lower() for value in shown)
    head = html[: html.index("<script")]
    assert "gradio" not in head.lower()


def test_the_page_has_a_title_an_icon_the_style_sheet_and_our_markup(
    client: TestClient, html: str
) -> None:
    config = gradio_config(html)
    assert config["title"] == "eyeline"
    assert 'href="static/page.css"' in config["head"]
    [part] = [each["props"] for each in config["components"] if each["type"] == "html"]
    assert part["html_template"] == (STATIC / "page.html").read_text()
    assert "static/page.js" in part["js_on_load"]
    assert client.get("/favicon.ico").content == (STATIC / "icon.svg").read_bytes()


def test_the_page_reports_nothing_to_third_parties(html: str) -> None:
    config = gradio_config(html)
    assert config["analytics_enabled"] is False
    assert config["footer_links"] == []


def test_only_pages_of_allowed_sites_may_frame_the_page(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert policy == "frame-ancestors 'self' https://app.example"


def test_behind_a_proxy_the_page_finds_its_files_under_the_public_name(client: TestClient) -> None:
    headers = {"X-Forwarded-Host": "chat.example.org", "X-Forwarded-Proto": "https"}
    assert (
        gradio_config(client.get("/", headers=headers).text)["root"] == "https://chat.example.org"
    )


def test_only_a_trusted_proxy_names_the_service(client: TestClient) -> None:
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    stranger = TestClient(client.app, "http://localhost:7860", client=("10.0.0.1", 50000))
    assert gradio_config(stranger.get("/", headers=headers).text)["root"] == "http://localhost:7860"


def test_what_a_request_says_of_the_host_ends_no_string_of_the_page(client: TestClient) -> None:
    hostile = 'x"</script><b>'
    answer = client.get("/", headers={"X-Forwarded-Host": hostile})
    assert hostile not in answer.text
    assert gradio_config(answer.text)["root"] == "http://localhost:7860"
    assert answer.headers["Cache-Control"] == "private, no-cache", "no cache gives it to others"


def test_the_page_is_the_same_for_any_query(client: TestClient, html: str) -> None:
    assert client.get("/?deep_link=x&__theme=dark").text == html


def test_the_frame_has_no_url_but_that_of_the_service(html: str) -> None:
    assert gradio_config(html)["root"] == "http://localhost:7860"
    assert ROOT not in html
    assert "localhost:7860" in html.split("window.gradio_config")[1]


def test_a_frame_that_cannot_be_rendered_is_an_error_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gradio.py").write_text("raise RuntimeError('no frame here')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with rendering() as rendered, pytest.raises(PageError, match="no frame here"):
        rendered()


class Parts(HTMLParser):
    """Collects the parts of the markup, and the controls that have no name."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.inputs: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if name := given.get("data-part"):
            self.names.append(name)
        if tag in ("input", "video"):
            self.inputs.append(given)


def test_every_part_that_the_script_uses_is_in_the_markup_once() -> None:
    parts = Parts()
    parts.feed((STATIC / "page.html").read_text())
    assert len(parts.names) == len(set(parts.names))
    script = "".join(path.read_text() for path in STATIC.rglob("*.js"))
    used = re.findall(r'\bpage(?:\.(\w+)|\["([\w-]+)"\])', script)
    wanted = {one or other for one, other in used}
    wanted -= {"addEventListener", "protocol"} | {"asked", "cleared", "drawn"}  # types of events
    assert wanted <= set(parts.names) | {"js", "html", "css"}  # file names in comments
    assert {"start", "mute", "stop", "sample", "stream", "download"} <= wanted


def test_every_input_and_picture_has_a_name_for_those_who_do_not_see_it() -> None:
    parts = Parts()
    parts.feed((STATIC / "page.html").read_text())
    unnamed = [each for each in parts.inputs if not each.get("aria-label")]
    assert {each["data-part"] for each in unnamed} == {
        "sample",
        "talk",
        "hold",
        "look",
        "translate",
    } | {
        *("thing-first", "thing-second", "prompt-second", "blend"),
        *("from-camera", "strength", "steps", "seed"),
    }  # in labels


def test_no_file_of_the_client_names_another_host() -> None:
    for path in STATIC.rglob("*"):
        if path.suffix not in (".js", ".html", ".css", ".svg"):
            continue
        hosts = set(re.findall(r"https?://([\w.-]+)", path.read_text()))
        assert hosts <= {"www.w3.org", "localhost", "your-server", "example.org"}, path.name

"""The page at "/": what is served, and what is not, without a browser."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from web.page.gradio_page import STATIC, mount

pytestmark = pytest.mark.slow  # importing Gradio takes seconds


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = FastAPI()
    app.mount("/static", StaticFiles(directory=STATIC, html=True))

    @app.get("/v1/models")
    def models() -> dict[str, str]:
        return {"answered": "by the service"}

    @app.get("/sessions")
    def sessions() -> dict[str, str]:
        return {"answered": "by the service"}

    with TestClient(mount(app)) as client:
        yield client


@pytest.mark.parametrize("path", ["/v1/models", "/sessions"])
def test_the_page_leaves_the_paths_of_the_service_alone(client: TestClient, path: str) -> None:
    assert client.get(path).json() == {"answered": "by the service"}


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
    assert answer.headers["content-type"].split(";")[0] == kind
    assert answer.content == (STATIC / (name or "index.html")).read_bytes()


def test_gradio_finds_the_script_of_its_own_frame(client: TestClient) -> None:
    answer = client.get("/static/js/iframeResizer.contentWindow.min.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")


def test_the_page_has_a_title_an_icon_the_style_sheet_and_our_markup(client: TestClient) -> None:
    config = client.get("/config").json()
    assert config["title"] == "eyeline"
    assert 'href="static/page.css"' in config["head"]
    [html] = [each["props"] for each in config["components"] if each["type"] == "html"]
    assert html["html_template"] == (STATIC / "page.html").read_text()
    assert "static/page.js" in html["js_on_load"]
    assert client.get("/favicon.ico").content == (STATIC / "icon.svg").read_bytes()


def test_the_page_reports_nothing_to_third_parties(client: TestClient) -> None:
    config = client.get("/config").json()
    assert config["analytics_enabled"] is False
    assert config["footer_links"] == []


def test_a_path_that_nobody_knows_is_not_found(client: TestClient) -> None:
    assert client.get("/no/such/page").status_code == 404


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
    names = ("page.js", "view.js", "asking.js", "drawing.js", "drawing_view.js")
    script = "".join((STATIC / name).read_text() for name in names)
    used = re.findall(r'\bpage(?:\.(\w+)|\["([\w-]+)"\])', script)
    wanted = {one or other for one, other in used} - {"addEventListener"}
    assert wanted <= set(parts.names) | {"js", "html"}  # file names in comments
    assert {"start", "mute", "stop", "sample", "captions", "download"} <= wanted


def test_every_input_and_picture_has_a_name_for_those_who_do_not_see_it() -> None:
    parts = Parts()
    parts.feed((STATIC / "page.html").read_text())
    unnamed = [each for each in parts.inputs if not each.get("aria-label")]
    assert {each["data-part"] for each in unnamed} == {"sample", "talk", "look"} | {
        *("thing-first", "thing-second", "prompt-second", "blend"),
        *("from-camera", "strength", "steps", "seed"),
    }  # in labels


def test_no_file_of_the_client_names_another_host() -> None:
    for path in STATIC.iterdir():
        if path.suffix not in (".js", ".html", ".css", ".svg"):
            continue
        hosts = set(re.findall(r"https?://([\w.-]+)", path.read_text()))
        assert hosts <= {"www.w3.org", "localhost", "your-server"}, path.name

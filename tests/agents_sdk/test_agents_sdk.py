"""The unmodified Agents SDK (@openai/agents) as a client, with functions that run in it.

Both of its transports in Chromium, and its WebSocket in Node.js, which has no WebRTC of its own.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import playwright
import pytest
from playwright.sync_api import Page
from pydantic import SecretStr

from tests.agents_sdk.scripted_model import scripted_model
from tests.browser.chromium import Devices, chromium, new_page, silent_microphone
from tests.browser.static_files import static_files
from tests.media.pipeline.outside.llama_server import llama_server
from tests.media.pipeline.outside.scripted_endpoint import outside
from tests.media.pipeline.scripted_assistant import MARK
from tests.npm_packages import npm_packages
from tests.patience import PATIENCE
from tests.web.served import Served, scripted_models, served
from web.config import Settings

pytestmark = pytest.mark.slow

Fields = dict[str, Any]
Client = Callable[[str], Fields]  # runs a case

CASES = Path(__file__).with_name("cases.mjs")
PACKAGES = Path(__file__).with_name("packages.json")  # the Agents SDK, and what it imports
KEY = "the-key-of-the-service"
NODE = Path(playwright.__file__).parent / "driver" / "node"  # Playwright brings it along
BUNDLE = "@openai/agents-realtime/dist/bundle/openai-realtime-agents.mjs"
EXPECTED: dict[str, Fields] = {
    "functions": {
        "ran": [["add", 2, 40], ["add", 1, 1]],
        "said": ["It is 42.", "It is 2."],
        "history": [
            ["user", "completed"],
            ["add", "42"],
            ["assistant", "completed"],
            ["user", "completed"],
            ["add", "2"],
            ["assistant", "completed"],
        ],
    },
    "parallel_calls": {
        "ran": [["add", 20, 22], ["slow"]],
        "calls": 2,
        "said": ["It is 42.", "It is 42 and slept."],
    },
    "a_function_that_fails": {"ran": [["broken"]]},
    "instructions_and_tool_choice": {"ran": [], "said": "You said hello; Be brief. required."},
    "a_handoff_to_another_agent": {
        "ran": [],
        "agent": "Expert",
        "said": 'It is {"assistant":"Expert"}.',
    },
    "interruption": {"status": "cancelled", "said": "You said hello; Be brief. auto."},
    "interruption_by_speech": {
        "status": "cancelled",
        "reason": "turn_detected",
    },
    "a_question_while_a_function_runs": {
        "ran": [["slow"]],
        "between": "You said hello; Be brief. auto.",
        "said": "It is slept.",
    },
}
IN_NODE = """
const [cases, names, where] = process.argv.slice(1);
const sdk = await import("@openai/agents-realtime");
const { runAll } = await import(cases);
console.log(JSON.stringify(await runAll(sdk, JSON.parse(names), JSON.parse(where))));
process.exit();
"""
IN_CHROMIUM = """async ([bundle, cases, name, where]) => {
    const sdk = await import(bundle);
    const module = URL.createObjectURL(new Blob([cases], { type: "text/javascript" }));
    return (await import(module)).run(sdk, name, where);
}"""


@pytest.fixture(scope="module")
def packages() -> Path:
    settings = Settings()
    folder = settings.weights.parent / "agents-sdk"
    return npm_packages(PACKAGES, folder, settings.npm_registry)


@pytest.fixture(scope="module")
def url(packages: Path) -> Iterator[str]:
    with static_files(packages) as url:
        yield url.removesuffix("/index.html")


@pytest.fixture(scope="module")
def service(url: str) -> Iterator[Served]:
    settings = Settings(api_key=SecretStr(KEY), origins=(url,))
    with (
        scripted_model() as endpoint,
        scripted_models(outside=outside(endpoint.url)) as models,
        served(settings, models) as service,
    ):
        yield service


@pytest.fixture(scope="module")
def real(url: str, settings: Settings) -> Iterator[Served]:
    """The service in front of llama.cpp's server; its model calls no functions."""
    pytest.importorskip("xllamacpp", reason="it has the server: ./eyeline install test")
    with (
        llama_server(settings.weights) as model,
        scripted_models(outside=outside(model, max_tokens=8)) as models,
        served(Settings(api_key=SecretStr(KEY), origins=(url,)), models) as service,
    ):
        yield service


def secret(service: Served) -> str:
    """Return a key for a browser, as an app's server creates it."""
    headers = {"Authorization": f"Bearer {KEY}"}
    created = httpx.post(f"{service.http}/v1/realtime/client_secrets", headers=headers, json={})
    return str(created.raise_for_status().json()["value"])


def run_in_node(packages: Path, names: list[str], where: Fields) -> Fields:
    arguments = [CASES.as_uri(), json.dumps(names), json.dumps(where)]
    done = subprocess.run(
        [str(NODE), "--input-type=module", "--eval", IN_NODE, "--", *arguments],
        cwd=packages.parent,
        timeout=PATIENCE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: Fields = json.loads(done.stdout.splitlines()[-1])
    return results


@pytest.fixture(scope="module")
def node(packages: Path, service: Served) -> Client:
    where = {"ws": service.ws, "key": KEY, "transport": "websocket"}
    results = run_in_node(packages, [*EXPECTED], where)
    return results.__getitem__


@pytest.fixture(scope="module")
def page(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    microphone = silent_microphone(tmp_path_factory.mktemp("devices"))
    with chromium(Devices(None, microphone, repeat=True)) as browser:
        page, _ = new_page(browser, allowed=True)
        page.goto(f"{url}/{BUNDLE}")
        yield page


def in_chromium(page: Page, service: Served, transport: str) -> Client:
    key = secret(service)
    where = {"ws": service.ws, "http": service.http, "key": key, "transport": transport}

    def run(name: str) -> Fields:
        arguments = [f"/{BUNDLE}", CASES.read_text(), name, where]
        result: Fields = page.evaluate(IN_CHROMIUM, arguments)
        return result

    return run


def check(result: Fields, expected: Fields) -> None:
    assert "error" not in result, result["error"]
    assert result["errors"] == []
    assert {name: result[name] for name in expected} == expected


def check_talk(result: Fields) -> None:
    turns = [["user", "completed"], ["assistant", "completed"]]
    check(result, {"ran": [], "history": 2 * turns})
    assert all(text.strip() and MARK not in text for text in result["said"])


@pytest.mark.parametrize("name", EXPECTED)
def test_in_node(node: Client, name: str) -> None:
    check(node(name), EXPECTED[name])


@pytest.mark.browser
@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("transport", ["websocket", "webrtc"])
def test_in_chromium(page: Page, service: Served, transport: str, name: str) -> None:
    check(in_chromium(page, service, transport)(name), EXPECTED[name])


def test_a_real_model_in_node(packages: Path, real: Served) -> None:
    where = {"ws": real.ws, "key": KEY, "transport": "websocket"}
    check_talk(run_in_node(packages, ["a_conversation"], where)["a_conversation"])


@pytest.mark.browser
@pytest.mark.parametrize("transport", ["websocket", "webrtc"])
def test_a_real_model_in_chromium(page: Page, real: Served, transport: str) -> None:
    check_talk(in_chromium(page, real, transport)("a_conversation"))

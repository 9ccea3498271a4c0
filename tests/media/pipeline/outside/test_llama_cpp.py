"""llama.cpp's own server as the outside model, with the packaged language model's weights."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from media.dialogue import AnswerNotice, Dialogue, DialogueTurn
from media.events import Answer, Evidence
from models.weights.fetch import fetch_weights
from tests.media.pipeline.outside.scripted_endpoint import outside
from tests.media.pipeline.outside.test_answerer import QUESTION, last, notices, run, text
from tests.media.pipeline.scripted_assistant import MARK
from web.config import Settings

pytestmark = pytest.mark.slow
pytest.importorskip("xllamacpp", reason="it has the server: ./eyeline install test")

SERVER = """
import sys
import xllamacpp
options = xllamacpp.CommonParams()
options.model.path = sys.argv[1]
options.n_ctx, options.n_parallel, options.port = 2048, 1, 0
options.cpuparams.n_threads = 1
server = xllamacpp.Server(options)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def url(settings: Settings) -> Iterator[str]:
    """The address of a server, which ends with its standard input."""
    fetch_weights("smollm2-135m", settings.weights)
    (file,) = Path(settings.weights, "smollm2-135m").glob("*.gguf")
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://"), "the server did not start"
        yield f"{address}/v1"
        process.stdin.close()


async def test_a_real_server_answers_from_notes_as_it_takes_no_pictures(url: str) -> None:
    out = await run(outside(url, max_tokens=12))
    (notice,) = notices(out)
    assert "takes no pictures" in notice
    assert "image input is not supported" in notice
    pieces = [o.text for o in out if isinstance(o, Answer)]
    assert len(pieces) > 3
    assert text(out).strip()
    assert MARK not in text(out)
    assert last(out).status == "completed"
    assert [o.read for o in out if isinstance(o, Evidence)][-1] > 50


async def test_a_real_server_takes_a_conversation_with_instructions(url: str) -> None:
    dialogue = Dialogue(
        instructions="Answer with one word.",
        before=(
            DialogueTurn("assistant", "I see you."),
            DialogueTurn("user", "My name is Ann."),
            DialogueTurn("assistant", "Hello Ann."),
        ),
    )
    with_it = replace(QUESTION, id="r", dialogue=dialogue)
    out = await run(outside(url, max_tokens=4), QUESTION, with_it, before=())
    assert [last(out, id).status for id in ("q", "r")] == ["completed"] * 2
    read = {o.id: o.read for o in out if isinstance(o, Evidence)}
    assert read["r"] > read["q"] + 20
    assert not notices(out)


async def test_a_wrong_path_at_a_real_server_is_told(url: str) -> None:
    out = await run(outside(url.removesuffix("/v1") + "/v9", fallback=False))
    assert last(out).status == "failed"
    assert "EYELINE_ANSWERS_URL" in last(out).reason
    assert not [o for o in out if isinstance(o, AnswerNotice)]

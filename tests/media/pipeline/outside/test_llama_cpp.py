"""llama.cpp's own server as the outside model, with the packaged language model's weights."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from media.dialogue import AnswerNotice, Dialogue, DialogueTurn
from media.events.answers import Answer, Evidence
from tests.media.pipeline.outside.llama_server import llama_server
from tests.media.pipeline.outside.scripted_endpoint import outside
from tests.media.pipeline.outside.test_answerer import QUESTION, last, notices, run, text
from tests.media.pipeline.scripted_assistant import MARK
from web.config import Settings

pytestmark = pytest.mark.slow
pytest.importorskip("xllamacpp", reason="it has the server: ./eyeline install test")


@pytest.fixture(scope="module")
def url(settings: Settings) -> Iterator[str]:
    with llama_server(settings.weights) as url:
        yield url


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

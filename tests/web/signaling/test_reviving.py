"""A call whose service was killed goes on from its recording, with aiortc as the client."""

from pathlib import Path

import pytest

from media.recording.layout import SUMMARY_FILE
from tests.patience import PATIENCE
from tests.web.assistants import KeepingAssistant
from tests.web.served import scripted_models, served
from tests.web.signaling.calling import Caller, Picture, Sound, calling, no_session_left
from tests.web.signaling.test_resume import PATH, numbers, returning
from web.config import Settings
from web.history.cut_off import find_cut_off
from web.signaling.reviving import REVIVED

pytestmark = pytest.mark.slow

REQUEST = "tell me when 999"  # which no picture is


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def asked(caller: Caller, text: str) -> str:
    """Return the answer to a typed question."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    caller.send("conversation.item.create", item=item)
    caller.send("response.create", response={"output_modalities": ["text"]})
    answer = await caller.until("response.output_text.done")
    said: str = answer["text"]
    return said


async def test_a_call_that_was_cut_off_goes_on_with_its_captions_requests_and_memory(
    tmp_path: Path,
) -> None:
    settings = Settings(recordings=tmp_path, resume_timeout=PATIENCE)
    with scripted_models(assistant=KeepingAssistant()) as models:
        with served(settings, models) as service:
            async with calling(service, Sound(1.0), Picture(), path=PATH) as first:
                await first.until("eyeline.memory.moment")
                assert await asked(first, REQUEST) == "I will."
                before = await first.until("eyeline.caption", final=True)
                location, last = first.location, first.last
            await no_session_left(service)
        id = location.rpartition("/")[2]
        assert find_cut_off(tmp_path, id, since=0) is None, "it has ended"
        (tmp_path / id / SUMMARY_FILE).unlink()  # as if the service had been killed
        assert find_cut_off(tmp_path, id, since=2**40) is None, "too long ago"
        with served(settings, models) as service:
            async with returning(service, location, last=last) as second:
                await second.until("eyeline.notice", message=REVIVED)
                await second.until("eyeline.requests", requests=[REQUEST])
                after = await second.until("eyeline.caption")
                assert after["turn"] > before["turn"]
                assert after["start"] > before["end"]
                assert "seen, 0 to" in await asked(second, "what was there?"), "by its memory"
                got = numbers(second.events)
                assert got == sorted(set(got))
                assert got[0] > numbers([{"event_id": last}])[0]
                assert "session.created" not in {event["type"] for event in second.events}
    assert names(tmp_path) == [id, f"{id}.1"]

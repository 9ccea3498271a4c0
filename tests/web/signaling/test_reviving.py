"""A call whose service was killed goes on from its recording, and waits for its client."""

import logging
import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest

from media.events.hearing import Caption, CaptionWord
from media.events.vision import StandingRequests
from media.recording.layout import EVENTS_FILE
from tests.patience import PATIENCE
from tests.web.served import scripted_models, served
from web.access.auth import Caller
from web.config import Settings
from web.context import ServiceContext, unix_time
from web.history.cut_off import find_cut_off
from web.history.entries import AskedQuestion, GivenAnswer, entry_fields
from web.history.recording_files import HistoryWriter, SessionFacts, Summary, write_summary
from web.history.store import RecordingStore
from web.problems import ProblemError
from web.signaling.reviving import revive

ID = "sess_0123456789abcdef"
REQUEST = "tell me when 999"
ENTRIES = (
    Caption(
        turn=3,
        words=(CaptionWord(" hello", 1.0, 1.5),),
        stable=1,
        start=1.0,
        end=1.5,
        heard=1.5,
        final=True,
    ),
    AskedQuestion("q", "what is there?", 2.0),
    GivenAnswer("q", "A cup.", 2.5, "completed", "", ()),
    StandingRequests((REQUEST,)),
)


def recorded(folder: Path, id: str = ID, *, kind: str = "call") -> None:
    """Write what a process that was killed has left of a session."""
    writer = HistoryWriter(folder / id)
    writer.open(SessionFacts(kind=kind, started=unix_time()))
    for entry in ENTRIES:
        writer.write(entry_fields(entry, {}))
    writer.close()
    (folder / id / EVENTS_FILE).touch()


def test_what_was_cut_off_is_known_and_what_ended_or_is_no_call_is_not(tmp_path: Path) -> None:
    recorded(tmp_path)
    past = find_cut_off(tmp_path, ID, since=0)
    assert past is not None
    assert (past.parts, past.requests, past.end) == (1, (REQUEST,), 2.5)
    assert past.exchanges == [("user", "what is there?"), ("assistant", "A cup.")]
    assert [each.turn for each in past.captions] == [3]
    assert find_cut_off(tmp_path, ID, since=unix_time() + 60) is None, "too long ago"
    recorded(tmp_path, f"{ID}.1")
    again = find_cut_off(tmp_path, ID, since=0)
    assert again is not None
    assert (again.parts, len(again.captions)) == (2, 2)
    assert find_cut_off(tmp_path, f"{ID}.1", since=0) is None, "a part is no session"
    write_summary(tmp_path / f"{ID}.1", Summary(seconds=3.0))
    assert find_cut_off(tmp_path, ID, since=0) is None, "it has ended"
    recorded(tmp_path, "sess_fedcba9876543210", kind="whip")
    assert find_cut_off(tmp_path, "sess_fedcba9876543210", since=0) is None


async def test_while_the_recording_is_in_use_clients_are_told_to_try_again(tmp_path: Path) -> None:
    store = RecordingStore(tmp_path)
    service = SimpleNamespace(
        settings=Settings(recordings=tmp_path), recordings=store, cluster=None
    )
    with store.using(ID, "is being read"), pytest.raises(ProblemError, match="try again") as caught:
        await revive(cast("ServiceContext", service), Caller(), ID, 0)
    store.close()
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "2")


async def test_where_no_session_waits_for_its_client_none_is_gone_on_with(tmp_path: Path) -> None:
    recorded(tmp_path)
    store = RecordingStore(tmp_path)
    settings = Settings(recordings=tmp_path, resume_timeout=0)
    service = SimpleNamespace(settings=settings, recordings=store, cluster=None)
    with store.using(ID, "is being read"):  # 503 if it were looked at
        await revive(cast("ServiceContext", service), Caller(), ID, 0)
    store.close()


@pytest.mark.slow
async def test_an_offer_to_a_call_that_was_cut_off_runs_its_session_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    recorded(tmp_path)
    late = unix_time() - 10 * Settings().resume_timeout  # the service was away for long
    for file in (tmp_path / ID).iterdir():
        os.utime(file, (late, late))
    settings = Settings(recordings=tmp_path, resume_timeout=PATIENCE)
    with scripted_models() as models, served(settings, models) as service:
        async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
            headers = {"Content-Type": "application/sdp", "Last-Event-ID": "event_7"}
            path = f"/v1/realtime/calls/{ID}"
            assert (await web.post(path, content="v=0", headers=headers)).status_code == 400
            found = (await web.get(f"/sessions/{ID}")).json()
            assert (found["state"], found["client"], found["captions"]) == ("live", "away", 1)
            assert "hello" in (await web.get(f"/sessions/{ID}/captions.txt")).text
            started = f"anybody from 127.0.0.1: go on with call: started (session {ID})"
            assert caplog.messages.count(started) == 1
            assert (await web.delete(path)).status_code == 200
            unknown = "/v1/realtime/calls/sess_fedcba9876543210"
            assert (await web.post(unknown, content="v=0", headers=headers)).status_code == 404

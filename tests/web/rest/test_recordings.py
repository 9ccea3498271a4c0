"""Recordings of past sessions, over a real socket, with sessions that were really recorded."""

import asyncio
import base64
import fcntl
import json
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
from websockets.asyncio.client import connect

from media.errors import MediaError
from media.events.generation import GenerationConfig, PromptChange
from media.events.session import Input
from media.recording.layout import HISTORY_FILE
from media.recording.playback import write_playback
from tests.media.pipeline.generation.scripted_generator import ScriptedGenerator
from tests.media.pipeline.scripted import chunks, silence
from tests.media.recording.test_recording import recorded as recorded_items
from tests.patience import PATIENCE
from tests.web.assistants import KeepingAssistant
from tests.web.rest.test_chat import picture
from tests.web.served import Served, scripted_models, served, speech
from web.config import Settings
from web.history import store
from web.history.recording_files import HistoryWriter, is_written

KEY = "sesame"
SPOKEN = 1.0  # seconds

Fields = dict[str, Any]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def recorded(service: Served, key: str = KEY) -> AsyncIterator[str]:
    """Yield the id of a session that saw a picture, heard speech and was asked; it ends after."""
    async with connect(
        f"{service.ws}/v1/realtime?eyeline=1", additional_headers=bearer(key)
    ) as line:

        async def until(type: str) -> Fields:
            async with asyncio.timeout(PATIENCE):
                while (event := json.loads(await line.recv()))["type"] != type:
                    pass
            found: Fields = event
            return found

        id = (await until("session.created"))["session"]["id"]
        for time, brightness in ((0.0, 20), (0.5, 80)):
            shown = {"type": "eyeline.video.append", "image": picture(brightness), "time": time}
            await line.send(json.dumps(shown))
            await until("eyeline.memory.moment")
        sound = base64.b64encode(speech(SPOKEN) + speech(1.0, loud=False)).decode()
        await line.send(json.dumps({"type": "input_audio_buffer.append", "audio": sound}))
        await until("response.done")
        yield id
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient(headers=bearer(key)) as web:
        while (await web.get(f"{service.http}/recordings/{id}")).json()["state"] != "complete":
            pass


class Client:
    """A client of `service` with one key."""

    def __init__(self, service: Served, key: str = KEY) -> None:
        self._root, self._headers = service.http, bearer(key)

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        url = self._root + path
        return httpx.request(method, url, headers=self._headers, timeout=PATIENCE, **more)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.send("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def status(self, method: str, path: str, **more: Any) -> int:
        return self.send(method, path, **more).status_code

    def code(self, method: str, path: str, **more: Any) -> tuple[int, str | None]:
        answer = self.send(method, path, **more)
        return answer.status_code, answer.json()["error"]["code"]

    def ask(self, id: str, text: str = "what?") -> httpx.Response:
        body = {"messages": [{"role": "user", "content": text}], "metadata": {"session_id": id}}
        return self.send("POST", "/v1/chat/completions", json=body)

    def ids(self, **query: Any) -> list[str]:
        return [each["id"] for each in self.get("/recordings", **query)["recordings"]]

    def secret(self) -> str:
        return str(self.send("POST", "/v1/realtime/client_secrets", json={}).json()["value"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Served]:
    settings = Settings(recordings=folder, api_key=KEY, captions_kept=0.0)
    with (
        scripted_models(assistant=KeepingAssistant(), generator=ScriptedGenerator()) as models,
        served(settings, models) as service,
    ):
        yield service


@pytest.fixture
def client(service: Served) -> Client:
    return Client(service)


@pytest.fixture
def source(service: Served) -> str:
    """The id of a whole recording."""
    return asyncio.run(_record(service))


async def _record(service: Served, key: str = KEY) -> str:
    async with recorded(service, key) as id:
        pass
    return id


def copied(folder: Path, source: str, number: int) -> str:
    """Return the id of a copy of a recording."""
    id = f"sess_{number:016x}"
    shutil.copytree(folder / source, folder / id)
    return id


@pytest.mark.slow
async def test_a_session_is_live_then_a_recording_with_all_that_happened(
    service: Served, client: Client
) -> None:
    async with recorded(service) as id:
        live = client.get(f"/recordings/{id}")
        assert live["state"] == "live"
        assert client.code("DELETE", f"/recordings/{id}") == (409, "recording_in_use")
        assert client.code("POST", f"/recordings/{id}/rebuild") == (409, "recording_unreadable")
        assert client.code("POST", f"/recordings/{id}/video") == (409, "recording_unreadable")
    found = client.get(f"/recordings/{id}")
    assert (found["state"], found["problem"], found["kind"]) == ("complete", None, "websocket")
    assert (found["captions"], found["questions"], found["moments"]) == (1, 1, 2)
    assert found["title"].startswith("one two")
    assert found["image"].startswith("data:image/jpeg;base64,")
    assert found["has"] == ["history", "memory", "video"]
    assert found["seconds"] >= SPOKEN
    entries = client.get(f"/recordings/{id}/history")["entries"]
    assert [each["entry"] for each in entries] == list(range(len(entries)))
    by_type = {each["type"]: each for each in entries}
    assert by_type["eyeline.caption"]["text"].startswith("one two")
    asked, answer = by_type["question"], by_type["answer"]
    assert asked["id"] == answer["id"]
    assert asked["text"].startswith("one two")
    assert "You asked: one two" in answer["text"]
    assert [each["text"] for each in answer["moments"]] == ["brightness 20", "brightness 80"]
    moments = [each for each in entries if each["type"] == "eyeline.memory.moment"]
    assert all(each["image"].startswith("data:image/jpeg") for each in moments)
    subtitles = client.send("GET", f"/recordings/{id}/captions.vtt").text
    assert subtitles.startswith("WEBVTT")
    assert "one two" in subtitles
    assert "one two" in client.send("GET", f"/recordings/{id}/captions.txt").text
    assert client.status("GET", f"/recordings/{id}/captions.exe") == 404


def test_the_history_comes_in_parts(client: Client, source: str) -> None:
    whole = client.get(f"/recordings/{source}/history")
    parts, after, more = [], -1, True
    while more:
        part = client.get(f"/recordings/{source}/history", after=after, limit=2)
        assert len(part["entries"]) <= 2
        parts += part["entries"]
        after, more = parts[-1]["entry"], part["more"]
    assert parts == whole["entries"]


def test_pages_are_right_while_recordings_come_and_go(
    client: Client, source: str, folder: Path
) -> None:
    ids = [copied(folder, source, number) for number in range(5)]
    everything = client.ids(limit=200)
    assert set(ids) <= set(everything)
    seen, before = [], None
    for turn in range(10):
        page = client.get("/recordings", limit=2, **({"before": before} if before else {}))
        seen += [each["id"] for each in page["recordings"]]
        if turn == 0:
            assert client.status("DELETE", f"/recordings/{seen[-1]}") == 204
        before = page["next"]
        if before is None:
            break
    assert seen == everything
    assert client.status("GET", "/recordings", params={"before": "x"}) == 400
    assert client.status("GET", "/recordings", params={"before": "9" * 40 + "-a"}) == 400
    assert client.status("GET", "/recordings", params={"limit": 1000}) == 400


@pytest.mark.slow
async def test_a_secret_reaches_its_own_recordings_and_no_others(
    service: Served, client: Client, source: str
) -> None:
    made = client.send("POST", "/v1/realtime/client_secrets", json={}).json()
    secret = made["value"]
    mine = await _record(service, secret)
    own, other = Client(service, secret), Client(service, client.secret())
    assert own.ids() == [mine]
    assert other.ids() == []
    assert {mine, source} <= set(client.ids(limit=200))
    assert own.ask(mine).status_code == 200, "also when the session itself is forgotten"
    for stranger, id in ((own, source), (other, mine)):
        assert stranger.ask(id).status_code == 404
        for method, path in (
            ("GET", ""),
            ("GET", "/history"),
            ("GET", "/captions.vtt"),
            ("POST", "/rebuild"),
            ("DELETE", "/rebuild"),
            ("POST", "/video"),
            ("DELETE", ""),
        ):
            assert stranger.status(method, f"/recordings/{id}{path}") == 404
    playback = service.http + own.send("POST", f"/recordings/{mine}/video").json()["url"]
    async with httpx.AsyncClient(timeout=PATIENCE) as browser:
        assert (await browser.get(playback)).status_code == 200
        assert client.status("DELETE", f"/v1/realtime/client_secrets/{made['id']}") == 204
        assert (await browser.get(playback)).status_code == 404, "its secret was revoked"
    assert own.status("DELETE", f"/recordings/{mine}") == 401
    assert client.status("DELETE", f"/recordings/{mine}") == 204
    assert client.status("GET", f"/recordings/{mine}") == 404


def test_the_memory_is_asked_as_recorded_or_as_rebuilt_and_says_which(
    client: Client, source: str, folder: Path
) -> None:
    recorded = client.ask(source).json()["choices"][0]["message"]
    assert recorded["eyeline"]["memory"] == "recorded"
    assert "(2 seen" in recorded["content"]
    (folder / source / "memory" / "seen.json").write_text("{")
    assert client.ask(source).json()["error"]["code"] == "memory_damaged"
    shutil.rmtree(folder / source / "memory")
    assert client.ask(source).json()["error"]["code"] == "memory_missing"
    (folder / source / "history.jsonl").unlink()
    rebuild(client, source)
    rebuilt = client.ask(source).json()["choices"][0]["message"]
    assert rebuilt["eyeline"]["memory"] == "rebuilt"
    assert "(2 seen" in rebuilt["content"]
    found = client.get(f"/recordings/{source}")
    assert (found["rebuilt"], found["captions"], found["moments"]) == (True, 1, 2)
    assert found["rebuilding_failed"] is None
    texts = [e.get("text") for e in client.get(f"/recordings/{source}/history")["entries"]]
    assert any(text and text.startswith("one two") for text in texts)
    assert not (folder / source / ".rebuilt").exists()


def rebuild(client: Client, id: str) -> None:
    """Rebuild a recording, and return when that is over."""
    assert client.status("POST", f"/recordings/{id}/rebuild") == 202
    while client.get(f"/recordings/{id}")["rebuilding"] is not None:
        pass


@pytest.mark.slow
async def test_the_video_that_a_session_generated_is_made_again(
    client: Client, folder: Path, tmp_path: Path
) -> None:
    id = "sess_00000000000d0d0d"
    items: list[Input] = [
        GenerationConfig(time=0.0, enabled=True),
        PromptChange((("a duck", 1.0),), 0.0),
        *chunks(silence(2)),
    ]
    await recorded_items(items, folder / id)
    rebuild(client, id)
    assert "generated" in client.get(f"/recordings/{id}")["has"]
    made = client.send("POST", f"/recordings/{id}/video?track=generated").json()
    file = tmp_path / "drawn.mp4"
    file.write_bytes(client.send("GET", made["url"]).content)
    with av.open(str(file)) as played:
        frames = list(played.decode(video=0))
    assert len(frames) / 16 == pytest.approx(2, abs=0.3)  # seconds, at the model's rate
    assert client.status("DELETE", f"/recordings/{id}") == 204


def test_what_cannot_be_rebuilt_says_why_and_stays(
    client: Client, source: str, folder: Path
) -> None:
    events = folder / source / "events.jsonl"
    before = (folder / source / "history.jsonl").read_text()
    events.write_text("nonsense\n" + events.read_text())
    rebuild(client, source)
    found = client.get(f"/recordings/{source}")
    assert "events.jsonl, line 1" in found["rebuilding_failed"]
    assert str(folder) not in found["rebuilding_failed"]
    assert (folder / source / "history.jsonl").read_text() == before
    assert client.code("DELETE", f"/recordings/{source}/rebuild") == (409, "not_rebuilding")


@pytest.mark.slow
def test_broken_and_half_written_recordings_are_listed_as_such_and_can_be_deleted(
    client: Client, source: str, folder: Path
) -> None:
    ids = [copied(folder, source, 0xB0 + number) for number in range(4)]
    empty, cut, damaged, older = (folder / id for id in ids)
    for file in empty.iterdir():
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    (cut / "summary.json").unlink()
    history = (cut / "history.jsonl").read_text()
    (cut / "history.jsonl").write_text(history[:-40])
    (cut / "pictures.mkv").write_bytes((cut / "pictures.mkv").read_bytes()[:900])
    for name in ("session.json", "summary.json"):
        (damaged / name).write_text('{"kind": 3')
    (damaged / "history.jsonl").write_bytes(b"\xff\xfe{]\n[1]\n{}\n" + history.encode())
    for name in ("session.json", "summary.json", "history.jsonl"):
        (older / name).unlink()
    listed = {each["id"]: each for each in client.get("/recordings", limit=200)["recordings"]}
    assert [listed[id]["state"] for id in ids] == ["broken", "cut_off", "cut_off", "cut_off"]
    assert "delete it" in listed[ids[0]]["problem"]
    assert "end is missing" in listed[ids[1]]["problem"]
    parts = [client.get(f"/recordings/{id}/history") for id in ids]
    whole = len(history.splitlines())
    assert [len(part["entries"]) for part in parts] == [0, whole - 1, whole, 0]
    assert [part["damaged"] for part in parts] == [0, 1, 3, 0]
    assert client.status("POST", f"/recordings/{ids[1]}/video") == 200
    assert client.code("POST", f"/recordings/{ids[0]}/video") == (409, "recording_unreadable")
    rebuild(client, ids[3])
    assert client.get(f"/recordings/{ids[3]}")["state"] == "complete"
    assert [client.status("DELETE", f"/recordings/{id}") for id in ids] == [204] * 4


def test_what_goes_on_in_another_process_is_a_recording_of_its_own(
    client: Client, source: str, folder: Path
) -> None:
    later = f"{source}.1"
    shutil.copytree(folder / source, folder / later)
    assert {source, later} <= set(client.ids(limit=200))
    assert client.get(f"/recordings/{later}/history")["entries"]
    assert client.status("GET", f"/recordings/{later}/captions.vtt") == 200
    assert client.ask(later).status_code == 200
    assert client.status("DELETE", f"/recordings/{later}") == 204
    assert client.get(f"/recordings/{source}")["state"] == "complete"


def test_two_who_delete_at_once_delete_once(client: Client, source: str, folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = [f"/recordings/{source}"] * 8
        statuses = list(pool.map(lambda path: client.status("DELETE", path), paths))
    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 404, 409}
    assert not list(folder.glob(f"*{source}*"))


@pytest.mark.parametrize(
    "id",
    [
        "..",
        "%2e%2e",
        "..%2fsess_0000000000000000",
        "sess_0000000000000000%2f..",
        "sess_0000000000000000%00",
        "sess_0000000000000000%0a",
        "sess_0000000000000000.0",
        "sess_0000000000000000.1.1",
        "sess_0000000000000000.%2e",
        "SESS_0000000000000000",
        "sess_000000000000000g",
        ".deleted-sess_0000000000000000-0",
        "sess_00000000000000ff",
    ],
)
def test_no_name_from_outside_becomes_a_path(client: Client, folder: Path, id: str) -> None:
    outside = folder.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "events.jsonl").touch()
    link = folder / "sess_00000000000000ff"
    if not link.is_symlink():
        link.symlink_to(outside)
    for method, path in (("GET", ""), ("GET", "/history"), ("DELETE", ""), ("POST", "/rebuild")):
        assert client.status(method, f"/recordings/{id}{path}") in (404, 405)
    assert client.ask(id).status_code in (400, 404)
    assert (outside / "events.jsonl").exists()
    assert link.name not in client.ids(limit=200)


def test_the_video_plays_from_an_address_without_a_key_that_dies_with_it(
    service: Served, client: Client, source: str, folder: Path, tmp_path: Path
) -> None:
    given_up = tmp_path / "given_up.mp4"
    with pytest.raises(MediaError, match="given up"):
        write_playback(folder / source, given_up, max_duration=10.0, stop=lambda: True)
    assert list(tmp_path.iterdir()) == []
    made = client.send("POST", f"/recordings/{source}/video").json()
    url = f"{service.http}{made['url']}"
    whole = httpx.get(url, timeout=PATIENCE)
    assert whole.headers["content-type"] == "video/mp4"
    part = httpx.get(url, headers={"Range": "bytes=4-7"}, timeout=PATIENCE)
    assert (part.status_code, part.content) == (206, whole.content[4:8])
    assert part.content == b"ftyp"
    file = tmp_path / "played.mp4"
    file.write_bytes(whole.content)
    with av.open(str(file)) as played:
        kinds = [stream.codec_context.name for stream in played.streams]
        assert kinds == ["h264", "aac"]
        frames = list(played.decode(video=0))
        assert [round(float(frame.time or 0), 2) for frame in frames] == [0.0, 0.5]
        played.seek(0)
        assert sum(f.samples for f in played.decode(audio=0)) / 16_000 == pytest.approx(2, abs=0.2)
    assert client.code("POST", f"/recordings/{source}/video?track=generated") == (
        404,
        "not_generated",
    )
    assert client.status("DELETE", f"/recordings/{source}") == 204
    assert httpx.get(url, timeout=PATIENCE).status_code == 404
    assert httpx.get(f"{service.http}/playback/{'x' * 32}").status_code == 404


def test_without_a_folder_for_recordings_it_says_how_to_have_them() -> None:
    with scripted_models() as models, served(Settings(), models) as service:
        client = Client(service)
        assert client.get("/recordings") == {"recorded": False, "recordings": [], "next": None}
        answer = client.send("GET", "/recordings/sess_0123456789abcdef")
    assert answer.status_code == 404
    assert "EYELINE_RECORDINGS" in answer.json()["detail"]


def test_a_history_is_written_also_while_others_look_whether_it_is(tmp_path: Path) -> None:
    (tmp_path / HISTORY_FILE).touch()
    writers = [HistoryWriter(tmp_path), HistoryWriter(tmp_path)]
    with (tmp_path / HISTORY_FILE).open() as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        writers[0].open(None)
    assert is_written(tmp_path)
    with pytest.raises(BlockingIOError):
        writers[1].open(None)
    writers[0].close()
    assert not is_written(tmp_path)


async def test_a_video_of_hours_holds_up_neither_a_list_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, tick = threading.Event(), threading.Event()

    def write(home: Path, file: Path, *, max_duration: float, stop: Callable[[], bool]) -> None:
        begun.set()
        while not stop():
            tick.wait(0.001)
        raise MediaError(f"{file}: given up after {max_duration} s of {home}")

    monkeypatch.setattr(store, "write_playback", write)
    recordings = store.RecordingStore(tmp_path)
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        made = recordings.write_video(tmp_path, tmp_path / "made.mp4", max_duration=1.0)
        video = tasks.create_task(failure(made))
        assert await recordings.run(begun.wait, PATIENCE)
        assert await recordings.page(lambda _: True, before=None, limit=1) == ([], None)
        recordings.close()
        assert "given up" in await video


async def failure(work: Coroutine[Any, Any, None]) -> str:
    with pytest.raises(MediaError) as caught:
        await work
    return str(caught.value)

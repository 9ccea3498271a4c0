"""The service without descriptors, memory or disk, and what is left when these come back.

The service runs in a process of its own, whose limits are changed while it runs.
"""

import base64
import io
import json
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import numpy as np
import pytest
import websockets
from PIL import Image

from tests.chaos.conversation import answered, send_audio, until
from tests.chaos.scripted_service import Running, running
from tests.patience import PATIENCE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits of another process: Linux"),
]
OFFER = """v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
a=group:BUNDLE 0
m=audio 9 UDP/TLS/RTP/SAVPF 96
c=IN IP4 0.0.0.0
a=mid:0
a=sendrecv
a=rtcp-mux
a=rtpmap:96 opus/48000/2
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuv
a=fingerprint:sha-256 {print}
a=setup:actpass
""".replace("\n", "\r\n").format(print=":".join(["AB"] * 32))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("service"), sessions=200) as started:
        yield started


@contextmanager
def limited(service: Running, kind: int, most: int) -> Iterator[None]:
    """Give the process of the service no more than `most` of a resource."""
    before = resource.prlimit(service.process.pid, kind)
    resource.prlimit(service.process.pid, kind, (most, before[1]))
    try:
        yield
    finally:
        resource.prlimit(service.process.pid, kind, before)


def descriptors(service: Running) -> int:
    return len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))


def memory(service: Running) -> int:
    """Return the bytes of address space that the process uses."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(status.split("VmSize:")[1].split()[0]) << 10


def picture() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(file, "png")
    return file.getvalue()


def client(service: Running) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=service.http, timeout=PATIENCE)


async def chat(web: httpx.AsyncClient) -> httpx.Response:
    """Ask about a picture, which a process decodes."""
    url = "data:image/png;base64," + base64.b64encode(picture()).decode()
    content = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": url}}]
    body = {"model": "eyeline", "messages": [{"role": "user", "content": content}]}
    return await web.post("/v1/chat/completions", json=body)


async def call(web: httpx.AsyncClient) -> httpx.Response:
    kind = {"Content-Type": "application/sdp"}
    return await web.post("/v1/realtime/calls", content=OFFER, headers=kind)


async def upload(web: httpx.AsyncClient, size: int) -> httpx.Response:
    return await web.post("/v1/audio/transcriptions", files={"file": b"x" * size})


def code(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json()["error"]["code"]


async def works(service: Running) -> None:
    """Check that a session is answered, and that a call, a picture and a file are taken."""
    async with websockets.connect(service.ws) as session:
        assert "You asked: one two" in await answered(session)
    async with client(service) as web:
        assert (await chat(web)).is_success
        made = await call(web)
        assert made.status_code == 201
        assert (await web.post(f"{made.headers['location']}/hangup")).is_success
        assert (await upload(web, 100)).status_code == 400  # it is no media


async def test_without_descriptors_requests_are_refused_and_sessions_go_on(
    service: Running,
) -> None:
    async with websockets.connect(service.ws) as session, client(service) as web:
        await until(session, "session.created")
        assert (await web.get("/health")).is_success  # over the connection that is used below
        with limited(service, resource.RLIMIT_NOFILE, descriptors(service)):
            assert code(await call(web)) == (503, "out_of_resources")
            assert code(await upload(web, 2_000)) == (503, "out_of_resources")
            assert code(await upload(web, 2_000_000)) == (503, "out_of_resources")
            assert "again later" in (await chat(web)).text
            assert "You asked: one two" in await answered(session)
    await works(service)


async def test_without_memory_what_is_too_large_fails_and_the_rest_goes_on(
    service: Running,
) -> None:
    async with websockets.connect(service.ws) as session:
        await until(session, "session.created")
        with limited(service, resource.RLIMIT_AS, memory(service) + (10 << 20)):
            with suppress(websockets.ConnectionClosed):
                async with websockets.connect(service.ws) as other:
                    event = {"type": "input_audio_buffer.append", "audio": "A" * 15_000_000}
                    await other.send(json.dumps(event))
                    await until(other, "error")
            async with client(service) as web:
                with suppress(httpx.HTTPError):  # cut off
                    assert (await upload(web, 60_000_000)).status_code >= 400
                assert (await web.get("/health")).is_success
            assert "You asked: one two" in await answered(session)
    await works(service)


async def test_with_a_full_disk_uploads_are_refused_and_leave_nothing(service: Running) -> None:
    async with client(service) as web:
        with limited(service, resource.RLIMIT_FSIZE, 100_000):
            for size in (500_000, 3_000_000):  # the larger one does not stay in RAM
                assert code(await upload(web, size)) == (507, "disk_full")
            async with websockets.connect(service.ws) as session:
                assert "You asked: one two" in await answered(session)
        while (await web.get("/health")).json()["sessions"]["live"]:
            pass
    assert not list((service.log.parent / "memories").iterdir())
    await works(service)


async def test_thousands_of_connections_without_a_request_keep_nobody_out(
    service: Running,
) -> None:
    host, port = service.address.split(":")
    with ExitStack() as stack:
        for _ in range(1500):  # more than EYELINE_CONNECTIONS
            stack.enter_context(socket.create_connection((host, int(port)), PATIENCE))
        await works(service)


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """Mount a file system of this size at `folder`, which takes the rights of root."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("may not mount file systems here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


async def no_longer_recorded(session: websockets.ClientConnection) -> str:
    """Speak until the disk is full; return the id of the session."""
    id = str((await until(session, "session.created"))["session"]["id"])
    await send_audio(session, np.random.default_rng(0).bytes(96_000))  # does not compress
    while "no longer recorded" not in (await until(session, "eyeline.notice"))["message"]:
        pass
    return id


async def test_recorded_sessions_go_on_when_their_disk_becomes_full_and_has_space_again(
    tmp_path: Path,
) -> None:
    with (
        small_disk(tmp_path / "disk", 400) as disk,
        running(tmp_path, recordings=disk / "recordings", memory_folder=disk / "memories") as full,
    ):
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(340 << 10))
        async with websockets.connect(f"{full.ws}?eyeline=1") as session:
            stopped = await no_longer_recorded(session)
            assert "You asked:" in await answered(session)
            async with client(full) as web:
                assert code(await upload(web, 200_000)) == (507, "disk_full")
            ballast.unlink()
            assert "You asked:" in await answered(session)
        async with websockets.connect(full.ws) as session:
            assert "You asked:" in await answered(session)
        async with client(full) as web:
            listed: dict[str, str] = {}
            while set(listed.values()) != {"cut_off", "complete"}:
                found = (await web.get("/recordings")).json()["recordings"]
                listed = {each["id"]: each["state"] for each in found}
        assert listed.pop(stopped) == "cut_off", "what came after it stopped is not there"
        assert list(listed.values()) == ["complete"]

"""Offers of Chromium that differ from the page's: certificates, codecs, bundles, simulcast."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.browser.chromium import Devices, chromium, microphone_file, new_page
from tests.rtc.peer_server import PeerServer, peer_server
from tests.web.served import scripted_models, served
from web.config import Settings

pytestmark = pytest.mark.browser

SIZE, HALF = (960, 540), (480, 270)

# Connects with what `options` ask for and returns the answer and the states of what was agreed.
CALL = """async (options) => {
  const configuration = {iceServers: [], bundlePolicy: options.bundle ?? "balanced"};
  if (options.rsa) {
    configuration.certificates = [await RTCPeerConnection.generateCertificate({
      name: "RSASSA-PKCS1-v1_5", modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256"})];
  }
  const pc = window.pc = new RTCPeerConnection(configuration);
  const media = await navigator.mediaDevices.getUserMedia(
    {audio: true, video: {width: {ideal: 4096}, height: {ideal: 2160}}});
  window.messages = [];
  const open = () => {
    pc.createDataChannel("oai-events").onmessage = ({data}) => messages.push(JSON.parse(data));
  };
  if (options.channel === "first") open();
  pc.addTransceiver(media.getAudioTracks()[0], {direction: "sendrecv"});
  const video = pc.addTransceiver(media.getVideoTracks()[0],
    {direction: options.direction ?? "sendrecv", sendEncodings: options.encodings ?? [{}]});
  if (options.channel === "last") open();
  if (options.codec) {
    const known = RTCRtpReceiver.getCapabilities("video").codecs;
    const wanted = (codec) => (codec.sdpFmtpLine ?? "").includes(options.format ?? "");
    video.setCodecPreferences(
      known.filter((codec) => codec.mimeType === options.codec && wanted(codec)));
  }
  if (options.extra) pc.addTransceiver("video", {direction: "recvonly"});
  await pc.setLocalDescription();
  const reply = await fetch(options.path ?? "/", {method: "POST", body: pc.localDescription.sdp,
    headers: {"Content-Type": "application/sdp"}});
  if (reply.status !== 201) return {error: await reply.text()};
  const connected = new Promise((resolve, reject) => {
    pc.onconnectionstatechange = () => {
      if (pc.connectionState === "connected") resolve();
      if (pc.connectionState === "failed") reject(new Error("failed"));
    };
  });
  const answer = await reply.text();
  await pc.setRemoteDescription({type: "answer", sdp: answer});
  await connected;
  return {answer, directions: pc.getTransceivers().map((each) => each.currentDirection)};
}"""


@pytest.fixture(scope="module")
def server() -> Iterator[PeerServer]:
    with peer_server() as server:
        yield server


def moving_file(folder: Path) -> Path:
    """Return a Y4M of moving stripes, large enough that Chromium sends three layers of it."""
    path = folder / "stripes.y4m"
    width, height = SIZE
    stripes = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420\n".encode())
        for index in range(10):
            luma = np.roll(stripes, 8 * index, axis=1).tobytes()
            file.write(b"FRAME\n" + luma + bytes([128]) * (width * height // 2))
    return path


@pytest.fixture(scope="module")
def page(server: PeerServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder: Path = tmp_path_factory.mktemp("devices")
    devices = Devices(moving_file(folder), microphone_file(folder, lead=0.0), repeat=True)
    with chromium(devices) as browser:
        page, _ = new_page(browser, allowed=True)
        page.goto(server.url)
        yield page


def call(page: Page, **options: Any) -> dict[str, Any]:
    result: dict[str, Any] = page.evaluate(CALL, options)
    return result


def hang_up(page: Page) -> None:
    page.evaluate("() => window.pc.close()")


def test_a_browser_with_an_rsa_certificate_connects(page: Page, server: PeerServer) -> None:
    call(page, rsa=True, channel="last")
    server.received[-1].wait(frames=5, sounds=5)
    hang_up(page)


@pytest.mark.parametrize("codec", ["video/VP9", "video/AV1"])
def test_video_that_cannot_be_decoded_is_refused_and_sound_is_heard(
    page: Page, server: PeerServer, codec: str
) -> None:
    result = call(page, codec=codec)
    assert result["directions"] == ["sendrecv"]  # the other one is stopped
    server.received[-1].wait(sounds=5)
    assert server.received[-1].sizes.total() == 0
    hang_up(page)


@pytest.mark.parametrize("bundle", ["max-bundle", "balanced", "max-compat"])
@pytest.mark.parametrize("channel", ["first", "last", None])
def test_bundles_and_the_place_of_the_data_channel_do_not_matter(
    page: Page, server: PeerServer, bundle: str, channel: str | None
) -> None:
    call(page, bundle=bundle, channel=channel, extra=True)
    server.received[-1].wait(frames=2, sounds=2)
    hang_up(page)


@pytest.mark.parametrize(
    "format", ["packetization-mode=0;profile-level-id=42", "profile-level-id=4d", "mode=1"]
)
def test_h264_is_received_in_any_form(page: Page, server: PeerServer, format: str) -> None:
    call(page, codec="video/H264", format=format)
    server.received[-1].wait(frames=5)
    hang_up(page)


def test_the_client_is_told_what_is_refused(page: Page, server: PeerServer) -> None:
    with scripted_models() as models, served(Settings(), models) as service:
        page.goto(f"{service.http}/health")
        call(page, codec="video/VP9", channel="last", path="/v1/realtime/calls?eyeline=1")
        page.wait_for_function(
            "() => messages.some((each) => each.type === 'eyeline.notice' &&"
            " each.message.includes('no supported codec: expected VP8 or H.264'))"
        )
        hang_up(page)
    page.goto(server.url)


LAYERS = [
    {"rid": "q", "scaleResolutionDownBy": 4},
    {"rid": "h", "scaleResolutionDownBy": 2},
    {"rid": "f"},
]


@pytest.mark.parametrize("codec", ["video/VP8", "video/H264"])
def test_the_largest_layer_of_a_simulcast_is_received(
    page: Page, server: PeerServer, codec: str
) -> None:
    call(page, encodings=LAYERS, codec=codec, format="" if codec == "video/VP8" else "mode=1")
    server.received[-1].wait(frames=5, size=SIZE)  # Chromium of a busy machine ends it early
    hang_up(page)


def test_another_layer_takes_the_place_of_one_that_is_switched_off(
    page: Page, server: PeerServer
) -> None:
    call(page, encodings=LAYERS)
    received = server.received[-1]
    received.wait(frames=5, size=SIZE)
    switch = """async (active) => {
      const sender = pc.getTransceivers()[1].sender;
      const parameters = sender.getParameters();
      parameters.encodings[2].active = active;
      await sender.setParameters(parameters);
    }"""
    page.evaluate(switch, False)
    received.wait(frames=received.sizes[HALF] + 5, size=HALF)
    page.evaluate(switch, True)
    received.wait(frames=received.sizes[SIZE] + 5, size=SIZE)
    hang_up(page)

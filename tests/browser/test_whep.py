"""Chromium as a viewer (WHEP) of the session of another page."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Devices, camera_file, chromium, microphone_file, new_page
from tests.web.served import Served, scripted_models, served
from web.config import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WATCH = """async (session) => {
    const peer = (window.viewer = new RTCPeerConnection());
    for (const kind of ["video", "audio"]) peer.addTransceiver(kind, { direction: "recvonly" });
    const video = (window.video = document.createElement("video"));
    video.muted = true;
    peer.ontrack = ({ streams: [stream], track }) => {
        if (track.kind === "video") video.srcObject = stream ?? new MediaStream([track]);
        return video.play();
    };
    await peer.setLocalDescription();
    const headers = { "Content-Type": "application/sdp" };
    const body = peer.localDescription.sdp;
    const answer = await fetch(`/whep/${session}`, { method: "POST", headers, body });
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    const restart = async () => {
        const offer = await peer.createOffer({ iceRestart: true });
        await peer.setLocalDescription(offer);
        const wanted = /^(a=group:|m=|a=mid:|a=ice-ufrag:|a=ice-pwd:)/;
        const lines = offer.sdp.split("\\r\\n").filter((line) => wanted.test(line));
        const second = lines.findIndex((line, n) => n > 1 && line.startsWith("m="));
        const fragment = lines.slice(0, second < 0 ? undefined : second);
        const patched = await fetch(answer.headers.get("Location"), {
            method: "PATCH",
            headers: { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*" },
            body: `${fragment.join("\\r\\n")}\\r\\n`,
        });
        if (patched.status !== 200) return [patched.status, await patched.text()];
        const ours = await patched.text();
        const line = (name) => ours.match(new RegExp(`a=${name}:.*`))[0];
        const candidates = ours.match(/a=candidate:.*\\r\\n/g).join("");
        const sdp = peer.remoteDescription.sdp
            .replace(/a=candidate:.*\\r\\n/g, "")
            .replace(/a=end-of-candidates\\r\\n/g, "")
            .replace(/a=ice-ufrag:.*/g, line("ice-ufrag"))
            .replace(/a=ice-pwd:.*/g, line("ice-pwd"))
            .replace(/(a=ice-pwd:.*\\r\\n)/g, `$1${candidates}`);
        await peer.setRemoteDescription({ type: "answer", sdp });
        return [200, ""];
    };
    window.restart = restart;
    return [answer.status, answer.headers.get("Location")];
}"""
SHOWN = "(n) => window.video.getVideoPlaybackQuality().totalVideoFrames > n"
FRAMES = "() => window.video.getVideoPlaybackQuality().totalVideoFrames"
PATH = """async () => {
    const stats = [...(await window.viewer.getStats()).values()];
    const transport = stats.find((entry) => entry.type === "transport");
    const pair = stats.find((entry) => entry.id === transport.selectedCandidatePairId);
    return stats.find((entry) => entry.id === pair.remoteCandidateId).port;
}"""


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with scripted_models() as models, served(Settings(), models) as service:
        yield service


def test_chromium_watches_a_session_and_restarts_ice(service: Served, tmp_path: Path) -> None:
    devices = Devices(camera_file(tmp_path), microphone_file(tmp_path, lead=0.5), repeat=True)
    with chromium(devices) as browser:
        caller, _ = new_page(browser, allowed=True, base_url=service.http)
        caller.goto("/static/index.html")
        caller.click("#start")
        caller.wait_for_function("document.querySelector('#state').textContent.includes('live')")
        [session] = caller.request.get("/sessions").json()["sessions"]
        viewer, witness = new_page(browser, allowed=False, base_url=service.http)
        viewer.goto("/static/index.html")
        status, location = viewer.evaluate(WATCH, session["id"])
        assert (status, location.rpartition("/")[0]) == (201, f"/whep/{session['id']}")
        viewer.wait_for_function(SHOWN, arg=10)
        before = viewer.evaluate(PATH)
        assert viewer.evaluate("() => window.restart()") == [200, ""]
        viewer.wait_for_function(f"async (before) => (await ({PATH})()) !== before", arg=before)
        viewer.wait_for_function(SHOWN, arg=viewer.evaluate(FRAMES) + 10)
        assert viewer.request.delete(location).status == 200
        assert witness.errors == []

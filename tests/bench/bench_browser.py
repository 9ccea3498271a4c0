"""What a person with a browser gets: time to captions, frames that return, lag of the captions.

    python -m tests.bench.bench_browser [--seconds 60] [--url http://localhost:7860]

Without --url it starts the service itself. Headless Chromium plays a camera and a microphone that
speaks; every time is taken in the page, by the browser's own clock, so nothing here depends on how
this process and the server share the machine's clock.
"""

import argparse
import platform
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.browser.chromium import Devices, camera_file, chromium, microphone_file, new_page
from tests.service import service

LEAD = 3.0  # seconds of silence at the start of each round
MEASURE = """async ({ seconds }) => {
    const { EyelineClient } = await import("./eyeline.js");
    const now = () => performance.now() / 1000;
    const found = { captions: [], frames: [], stats: [], spoken: null };
    const begun = now();
    const since = () => now() - begun;
    const stream = await navigator.mediaDevices.getUserMedia({
        audio: true,
        video: { width: 640, height: 360, frameRate: 30 },
    });
    const context = new AudioContext();
    const meter = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(meter);
    const samples = new Float32Array(meter.fftSize);
    const listening = setInterval(() => {
        meter.getFloatTimeDomainData(samples);
        if (samples.some((sample) => Math.abs(sample) > 0.05)) {
            found.spoken = since();
            clearInterval(listening);
        }
    }, 20);
    const client = new EyelineClient();
    client.addEventListener("caption", ({ detail }) => {
        found.captions.push({ at: since(), final: detail.final, text: detail.text });
    });
    client.addEventListener("stats", ({ detail }) => found.stats.push(detail));
    const video = document.querySelector("video");
    video.srcObject = client.remote;
    const frame = () => {
        found.frames.push(since());
        video.requestVideoFrameCallback(frame);
    };
    video.requestVideoFrameCallback(frame);
    await client.connect({ stream });
    found.live = since();
    await new Promise((done) => setTimeout(done, seconds * 1000));
    found.seconds = since() - found.live;
    found.size = [video.videoWidth, video.videoHeight];
    await client.stop();
    stream.getTracks().forEach((track) => track.stop());
    return found;
}"""


def measure(url: str, seconds: float) -> dict[str, Any]:
    """Hold one call of `seconds` with the service at `url`; return what the page saw."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        devices = Devices(camera_file(folder), microphone_file(folder, lead=LEAD), repeat=True)
        with chromium(devices) as browser:
            page, _ = new_page(browser, allowed=True)
            page.set_default_timeout((seconds + 60) * 1000)
            page.goto(f"{url}/static/index.html")
            found: dict[str, Any] = page.evaluate(MEASURE, {"seconds": seconds})
    return found


def rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what `found` comes to, as rows of a table."""
    first = next(each["at"] for each in found["captions"] if each["text"])
    final = next(each["at"] for each in found["captions"] if each["text"] and each["final"])
    lags = sorted(each["caption_lag"] for each in found["stats"] if each.get("caption_lag"))
    per_second = [
        sum(second <= at - found["live"] < second + 1 for at in found["frames"])
        for second in range(2, int(found["seconds"]))  # the first two: the codec's bitrate ramps up
    ]
    gaps = [two - one for one, two in zip(found["frames"], found["frames"][1:], strict=False)]
    width, height = found["size"]
    return [
        ("Start pressed -> call live", f"{found['live']:.2f} s"),
        ("Start pressed -> first returned frame", f"{found['frames'][0]:.2f} s"),
        ("speech begins -> first words on the page", f"{first - found['spoken']:.2f} s"),
        ("speech begins -> first final line", f"{final - found['spoken']:.2f} s"),
        ("caption lag, median / worst", f"{statistics.median(lags):.2f} / {lags[-1]:.2f} s"),
        ("returned video", f"{width}x{height}"),
        (
            "returned frames per second, median / lowest",
            f"{statistics.median(per_second):.0f} / {min(per_second)}",
        ),
        ("longest gap between returned frames", f"{max(gaps) * 1000:.0f} ms"),
        ("frames dropped by the service", f"{found['stats'][-1]['dropped_frames']}"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--url", help="a service that runs already")
    chosen = parser.parse_args()
    with ExitStack() as stack:
        url = chosen.url
        if url is None:
            url = stack.enter_context(service()).url
        found = measure(url, chosen.seconds)
    lines = [f"| {name} | {value} |" for name, value in rows(found)]
    title = f"headless Chromium, {platform.machine()}, one call of {found['seconds']:.0f} s"
    sys.stdout.write("\n".join([f"| {title} | |", "|---|---|", *lines, ""]))


if __name__ == "__main__":
    main()

"""What a person with a browser gets: time to the page and to captions, frames that return, lag of
the captions, and how soon an answer is read and heard.

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
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tests.browser.chromium import Devices, camera_file, chromium, microphone_file, new_page
from tests.service import service

LOADS = 5  # of the page, each in a browser context of its own
LEAD = 3.0  # seconds of silence at the start of each round
QUESTIONS = ("What do you see?", "Is anyone there?", "What did you see first?")
LOADED = """() => {
    const found = { seconds: performance.now() / 1000, own: 0, rest: 0 };
    for (const { name, transferSize } of performance.getEntriesByType("resource")) {
        const { pathname } = new URL(name);
        const own = pathname.startsWith("/static/") && !pathname.startsWith("/static/js/");
        found[own ? "own" : "rest"] += transferSize;
    }
    return found;
}"""
MEASURE = """async ({ seconds, questions }) => {
    const { EyelineClient } = await import("./eyeline.js");
    const now = () => performance.now() / 1000;
    const found = { captions: [], frames: [], stats: [], answers: [], spoken: null };
    const started = now();
    const since = () => now() - started;
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
    // Answers are not cut short by what the microphone goes on to say.
    const detection = { type: "server_vad", create_response: false, interrupt_response: false };
    await client.connect({ stream, session: { audio: { input: { turn_detection: detection } } } });
    found.live = since();
    const ear = context.createAnalyser();
    context.createMediaStreamSource(new MediaStream(client.remote.getAudioTracks())).connect(ear);
    const heard = new Float32Array(ear.fftSize);
    const ask = (question) => new Promise((resolve) => {
        const answer = { words: null, sound: null, over: false };
        const asked = now();
        const receive = ({ detail: { type } }) => {
            if (type.endsWith(".delta")) answer.words ??= now() - asked;
            answer.over ||= type === "output_audio_buffer.stopped" || type === "error";
        };
        client.addEventListener("event", receive);
        const hearing = setInterval(() => {
            ear.getFloatTimeDomainData(heard);
            if (heard.some((sample) => Math.abs(sample) > 0.01)) answer.sound ??= now() - asked;
            if (!answer.over && since() - found.live < seconds) return;
            clearInterval(hearing);
            client.removeEventListener("event", receive);
            resolve(answer);
        }, 10);
        client.ask(question, { spoken: true });
    });
    const pause = (time) => new Promise((done) => setTimeout(done, time * 1000));
    for (let count = 0; since() - found.live < seconds - 5; count += 1) {
        await pause(2); // the next picture is looked at, the last sound is over
        found.answers.push(await ask(questions[count % questions.length]));
    }
    await pause(Math.max(0, seconds - (since() - found.live)));
    found.seconds = since() - found.live;
    found.size = [video.videoWidth, video.videoHeight];
    await client.stop();
    stream.getTracks().forEach((track) => track.stop());
    return found;
}"""


def measure(url: str, seconds: float) -> dict[str, Any]:
    """Hold one call of `seconds` with the service at `url`; return the measures of the page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        devices = Devices(camera_file(folder), microphone_file(folder, lead=LEAD), repeat=True)
        with chromium(devices) as browser:
            loads = [load_page(browser, url) for _ in range(LOADS)]
            page, _ = new_page(browser, allowed=True)
            page.set_default_timeout((seconds + 60) * 1000)
            page.goto(f"{url}/static/index.html")
            found: dict[str, Any] = page.evaluate(
                MEASURE, {"seconds": seconds, "questions": QUESTIONS}
            )
    return {**found, "loads": loads}


def load_page(browser: Browser, url: str) -> dict[str, float]:
    """Open the page with an empty cache; return seconds until Start, and its bytes and Gradio's."""
    page, _ = new_page(browser, allowed=True)
    page.goto(url)
    page.wait_for_selector("[data-part=start]:not([disabled])")
    found: dict[str, float] = page.evaluate(LOADED)
    page.context.close()
    return found


def load_rows(loads: Sequence[dict[str, float]]) -> list[tuple[str, str]]:
    seconds = sorted(each["seconds"] for each in loads)
    own, rest = (max(each[name] for each in loads) / 1000 for name in ("own", "rest"))
    return [
        (
            f"page opened -> Start can be pressed, median / worst of {len(seconds)}",
            f"{statistics.median(seconds):.2f} / {seconds[-1]:.2f} s",
        ),
        ("bytes of the page / of Gradio's frame", f"{own:.0f} / {rest:.0f} kB"),
    ]


def rows(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return `found` as rows of a table."""
    worded = [each for each in found["captions"] if each["text"]]
    finals = [each for each in worded if each["final"]]
    lags = sorted(each["caption_lag"] for each in found["stats"] if each.get("caption_lag"))
    per_second = [
        sum(second <= at - found["live"] < second + 1 for at in found["frames"])
        for second in range(2, int(found["seconds"]))  # the first two: the codec's bitrate ramps up
    ]
    gaps = [two - one for one, two in zip(found["frames"], found["frames"][1:], strict=False)]
    width, height = found["size"]
    return [
        *load_rows(found["loads"]),
        ("Start pressed -> call live", f"{found['live']:.2f} s"),
        ("Start pressed -> first returned frame", f"{found['frames'][0]:.2f} s"),
        ("speech begins -> first words on the page", after(found["spoken"], worded)),
        ("speech begins -> first final line", after(found["spoken"], finals)),
        (
            "caption lag, median / worst",
            f"{statistics.median(lags):.2f} / {lags[-1]:.2f} s" if lags else "none came",
        ),
        *answer_rows(found["answers"]),
        ("returned video", f"{width}x{height}"),
        (
            "returned frames per second, median / lowest",
            f"{statistics.median(per_second):.0f} / {min(per_second)}",
        ),
        ("longest gap between returned frames", f"{max(gaps) * 1000:.0f} ms"),
        ("frames dropped by the service", f"{found['stats'][-1]['dropped_frames']}"),
    ]


def after(spoken: float | None, captions: list[dict[str, Any]]) -> str:
    """Return how long after speech began the first of `captions` came."""
    if spoken is None or not captions:
        return "none came"
    return f"{captions[0]['at'] - spoken:.2f} s"


def answer_rows(answers: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return how soon typed questions were answered; the last answer may be cut short."""
    found = []
    for name, kind in (("first words", "words"), ("first sound", "sound")):
        times = [answer[kind] for answer in answers if answer["over"] and answer[kind] is not None]
        shown = f"{statistics.median(times):.2f} / {max(times):.2f} s" if times else "none came"
        count = f"of {len(times)} answers"
        found.append((f"question asked -> {name}, median / worst {count}", shown))
    return found


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

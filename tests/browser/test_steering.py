"""What the server asks for reaches the sender of a browser, and the picture before its encoder."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.chromium import chromium, new_page
from tests.browser.static_files import static_files

pytestmark = pytest.mark.browser

ENCODING = {
    "maxBitrate": 300_000,
    "maxFramerate": 10,
    "scaleResolutionDownBy": 2,
    "scalabilityMode": "L1T3",
}
REGIONS = [
    {"left": 0, "top": 0, "right": 0.5, "bottom": 1, "offset": 0},
    {"left": 0, "top": 0, "right": 1, "bottom": 1, "offset": 25},
]
SETUP = """
const stripes = () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [640, 360];
    const context = canvas.getContext("2d");
    let drawn = 0;
    const paint = () => {
        for (let x = 0; x < 640; x += 2) {
            context.fillStyle = x % 4 ? "white" : "black";
            context.fillRect(x, 0, 2, 360);
        }
        context.fillStyle = drawn++ % 2 ? "red" : "blue";
        context.fillRect(0, 0, 8, 8);
    };
    const timer = setInterval(paint, 40);
    paint();
    return { track: canvas.captureStream(25).getVideoTracks()[0], end: () => clearInterval(timer) };
};
const connect = async (track) => {
    const [one, other] = [new RTCPeerConnection(), new RTCPeerConnection()];
    one.onicecandidate = ({ candidate }) => candidate && other.addIceCandidate(candidate);
    other.onicecandidate = ({ candidate }) => candidate && one.addIceCandidate(candidate);
    const transceiver = one.addTransceiver(track, { direction: "sendonly" });
    await one.setLocalDescription();
    await other.setRemoteDescription(one.localDescription);
    await other.setLocalDescription();
    await one.setRemoteDescription(other.localDescription);
    return { sender: transceiver.sender, end: () => (one.close(), other.close()) };
};
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with static_files() as url, chromium(None) as browser:
        page, _ = new_page(browser, allowed=False)
        page.goto(url)
        yield page


def steered(page: Page, steering: dict[str, Any], *, before: str = "") -> dict[str, Any]:
    """Return the parameters of a sender that was asked for `steering`, and what it lacks."""
    result: dict[str, Any] = page.evaluate(
        f"""async (steering) => {{
            {SETUP}
            {before}
            const {{ Steering }} = await import("./steering.js");
            const source = stripes();
            const {{ sender, end }} = await connect(source.track);
            const steers = new Steering(sender, source.track);
            await steers.apply(steering);
            const [encoding] = sender.getParameters().encodings;
            const found = {{
                encoding, lacking: [...steers.lacking], focused: steers.focused,
                filtered: sender.track !== source.track,
            }};
            await steers.apply({{ ...steering, focus: false }});
            found.after = sender.track === source.track;
            steers.stop();
            end();
            source.end();
            return found;
        }}""",
        steering,
    )
    return result


def test_a_sender_has_the_limits_that_were_asked_for(page: Page) -> None:
    found = steered(page, {"encoding": ENCODING, "regions": REGIONS, "focus": False})
    assert {name: found["encoding"].get(name) for name in ENCODING} == ENCODING
    assert (found["lacking"], found["focused"]) == ([], False)


def test_scarce_bits_put_a_filter_before_the_encoder_and_take_it_away_again(page: Page) -> None:
    found = steered(page, {"encoding": ENCODING, "regions": REGIONS, "focus": True})
    assert (found["lacking"], found["focused"], found["filtered"]) == ([], True, True)
    assert found["after"]


def test_a_browser_that_cannot_filter_says_so_and_sends_the_whole_picture(page: Page) -> None:
    missing = "delete globalThis.MediaStreamTrackGenerator;"
    context = page.context.new_page()
    context.goto(page.url)
    found = steered(
        context, {"encoding": ENCODING, "regions": REGIONS, "focus": True}, before=missing
    )
    context.close()
    assert found["lacking"] == ["focus"]
    assert not found["focused"]
    assert not found["filtered"]
    assert found["encoding"]["maxBitrate"] == ENCODING["maxBitrate"]


def test_layers_that_a_codec_does_not_have_do_not_cost_the_other_limits(page: Page) -> None:
    odd = {**ENCODING, "scalabilityMode": "L9T9"}
    found = steered(page, {"encoding": odd, "regions": [], "focus": False})
    assert found["lacking"] == ["layers"]
    assert found["encoding"]["maxFramerate"] == 10


def test_the_filter_keeps_what_is_relevant_sharp_and_blurs_the_rest(page: Page) -> None:
    contrast: dict[str, float] = page.evaluate(
        f"""async (regions) => {{
            {SETUP}
            const {{ FocusFilter }} = await import("./focus.js");
            const source = stripes();
            const failures = [];
            const filter = new FocusFilter(source.track, () => failures.push(1));
            filter.show(regions);
            const {{ readable }} = new MediaStreamTrackProcessor({{ track: filter.track }});
            const reader = readable.getReader();
            let frame = null;
            for (let count = 0; count < 5; count += 1) {{
                frame?.close();
                frame = (await reader.read()).value;
            }}
            const canvas = new OffscreenCanvas(frame.displayWidth, frame.displayHeight);
            const context = canvas.getContext("2d");
            context.drawImage(frame, 0, 0);
            const spread = (x) => {{
                const {{ data }} = context.getImageData(x, 100, 64, 32);
                const values = data.filter((_, index) => index % 4 === 0);
                return Math.max(...values) - Math.min(...values);
            }};
            const found = {{
                inside: spread(100), outside: spread(500), width: frame.displayWidth,
                failures: failures.length,
            }};
            frame.close();
            filter.stop();
            source.end();
            return found;
        }}""",
        REGIONS,
    )
    assert contrast["width"] == 640
    assert contrast["inside"] > 200
    assert contrast["outside"] < 60
    assert contrast["failures"] == 0


def test_what_is_spent_is_said_in_one_line(page: Page) -> None:
    lines: list[str] = page.evaluate(
        """async () => {
            const { SpendingLine } = await import("./spending.js");
            const line = document.createElement("span");
            const spending = new SpendingLine(line);
            const shown = [];
            const measured = (bytes, at, done) => {
                const sent = { fps: 14.6, width: 640, height: 360, bytes, at };
                spending.measured({ sent, done });
                shown.push(line.hidden ? `hidden: ${line.textContent}` : line.textContent);
            };
            const done = { focused: false, lacking: new Set() };
            measured(0, 1000, done);
            spending.show(true);
            spending.steer({
                encoding: { maxBitrate: 910000, maxFramerate: 15 }, focus: true,
                message: "the model is sure (85 %)",
            });
            measured(60000, 2000, { focused: true, lacking: new Set() });
            measured(120000, 3000, { focused: false, lacking: new Set(["focus"]) });
            return shown;
        }"""
    )
    assert lines == [
        "hidden: Sends 640 × 360, 15 fps.",
        "Sends 640 × 360, 15 of at most 15 fps, 480 of at most 910 kbit/s: "
        "the model is sure (85 %); blurs what is not relevant.",
        "Sends 640 × 360, 15 of at most 15 fps, 480 of at most 910 kbit/s: "
        "the model is sure (85 %); this browser cannot blur what is not relevant.",
    ]


def test_the_veil_shows_the_regions_with_their_quantizers(page: Page) -> None:
    marked: dict[str, int] = page.evaluate(
        """async (regions) => {
            const { RelevanceVeil } = await import("./relevance.js");
            const made = ["canvas", "video", "span"].map((name) => document.createElement(name));
            const [canvas, video, about] = made;
            const veil = new RelevanceVeil(canvas, video, about);
            veil.show(true);
            veil.receive({ time: 1, about: "cup", values: [[1, 0], [1, 0]] });
            const bright = () => {
                const { width, height } = canvas;
                const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
                return data.filter((value, index) => index % 4 === 0 && value > 100).length;
            };
            const before = bright();
            veil.divide({ regions });
            return { before, after: bright() };
        }""",
        REGIONS,
    )
    assert marked["before"] == 0
    assert marked["after"] > 100


def test_a_filter_that_is_stopped_passes_its_last_frames_on_and_ends(page: Page) -> None:
    ended: int = page.evaluate(
        f"""async (regions) => {{
            {SETUP}
            const {{ FocusFilter }} = await import("./focus.js");
            const source = stripes();
            let ended = 0;
            for (let round = 0; round < 4; round += 1) {{
                const filter = new FocusFilter(source.track, () => (ended = NaN));
                filter.show(regions);
                const {{ readable }} = new MediaStreamTrackProcessor({{ track: filter.track }});
                const reader = readable.getReader();
                (await reader.read()).value.close();
                filter.stop();
                for (let last = await reader.read(); !last.done; last = await reader.read())
                    last.value.close();
                ended += 1;
            }}
            source.end();
            return ended;
        }}""",
        REGIONS,
    )
    assert ended == 4

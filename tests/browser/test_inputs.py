"""What a call sends: devices, screens and clips, changed while it runs, and what goes wrong."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser.chromium import PATIENCE_MS, Devices, camera_file, chromium, silent_microphone
from tests.paths import SAMPLE
from tests.web.served import Served, scripted_models, served
from web.config import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SETUP = """
    const { Inputs } = await import("./inputs/inputs.js");
    const { EyelineClient } = await import("./eyeline.js");
    const told = (target, name) => new Promise((done) => {
        target.addEventListener(name, ({ detail }) => done(detail), { once: true });
    });
    const names = (inputs) => inputs.stream.getTracks().map((track) => track.kind).sort();
"""


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with scripted_models() as models, served(Settings(), models) as service:
        yield service


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("devices")
    devices = Devices(camera_file(folder), silent_microphone(folder), repeat=True)
    with chromium(devices) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, service: Served) -> Iterator[Page]:
    """A page that may use the camera and the microphone, with nothing of the demo page on it."""
    context = browser.new_context(permissions=["camera", "microphone"], base_url=service.http)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto("/static/index.html")
    page.click("h1")  # browsers play sound only after a gesture
    yield page
    context.close()


def run(page: Page, script: str, argument: object = None) -> Any:
    return page.evaluate(f"async (argument) => {{ {SETUP} {script} }}", argument)


def test_a_change_of_camera_and_sound_goes_on_in_the_same_call(page: Page, service: Served) -> None:
    found = run(
        page,
        """
        const inputs = new Inputs();
        const client = new EyelineClient();
        const replaced = [];
        inputs.addEventListener("track", ({ detail: { kind, track } }) => {
            replaced.push(kind);
            if (client.state === "live") client.replace(kind, track);
        });
        const problems = await inputs.open();
        const before = names(inputs);
        await client.connect({ stream: inputs.stream });
        const shown = Object.assign(document.createElement("video"), { muted: true });
        shown.srcObject = client.remote;
        await shown.play();
        const sent = async () => {
            const { width, bytes } = (await client.measure()).sent;
            return { width, bytes };
        };
        const first = await sent();
        const changed = told(inputs, "source");
        await inputs.show({ kind: "sample" });
        const { kind } = await changed;
        let last = await sent();
        while (last.bytes <= first.bytes) last = await sent();
        client.mute(true);
        await inputs.show({ kind: "camera" });
        const muted = inputs.stream.getAudioTracks().map((track) => track.enabled);
        const { sessions } = await (await fetch("/sessions")).json();
        const states = [client.state, sessions.filter(({ state }) => state === "live").length];
        await client.stop();
        inputs.close();
        return { problems, before, kind, replaced, muted, states, left: names(inputs) };
        """,
    )
    assert found["problems"] == []
    assert found["before"] == ["audio", "video"]
    assert found["kind"] == "clip"
    assert found["replaced"].count("video") == 3
    assert found["replaced"][-1] == "audio"
    assert found["muted"] == [False]
    assert found["states"] == ["live", 1]
    assert found["left"] == []


def test_a_call_without_a_camera_says_so_and_gets_one_later(page: Page) -> None:
    page.context.clear_permissions()
    page.context.grant_permissions(["microphone"])
    page.expose_function("allowCamera", lambda: page.context.grant_permissions(["camera"]))
    found = run(
        page,
        """
        const inputs = new Inputs();
        const client = new EyelineClient();
        inputs.addEventListener("track", ({ detail }) => client.replace(detail.kind, detail.track));
        const problems = await inputs.open();
        const before = names(inputs);
        await client.connect({ stream: inputs.stream });
        const refused = await inputs.show({ kind: "camera" }).catch((error) => error.problem);
        await allowCamera();
        const received = new Promise((done) => {
            const check = ({ fps_in }) => fps_in > 0 && done(fps_in);
            client.addEventListener("stats", ({ detail }) => check(detail));
        });
        await inputs.show({ kind: "camera" });
        const fps = await received;
        await client.stop();
        inputs.close();
        return { problems, before, refused, fps };
        """,
    )
    [problem] = found["problems"]
    assert problem["what"] == "The browser has no permission to use the camera."
    assert problem["advice"].startswith("Only sound is sent. ")
    assert "address bar" in problem["advice"]
    assert found["before"] == ["audio"]
    assert found["refused"]["what"] == problem["what"]
    assert found["fps"] > 0


def test_a_track_that_is_replaced_while_a_call_connects_is_the_one_that_is_sent(page: Page) -> None:
    widths = run(
        page,
        """
        const inputs = new Inputs();
        const client = new EyelineClient();
        const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
        const context = canvas.getContext("2d");
        const drawing = setInterval(() => context.fillRect(0, 0, 9, 9), 50);
        const other = canvas.captureStream(10).getVideoTracks()[0];
        await inputs.open();
        const real = window.fetch;
        window.fetch = async (url, options) => {
            if (String(url).includes("/calls")) await client.replace("video", other);
            return real(url, options);
        };
        await client.connect({ stream: inputs.stream });
        const width = async () => (await client.measure()).sent.width;
        const seen = new Set();
        while (!seen.has(320)) seen.add(await width());
        await client.stop();
        clearInterval(drawing);
        inputs.close();
        return [...seen];
        """,
    )
    assert widths[-1] == 320


def test_a_device_that_is_unplugged_is_used_again_when_it_is_back(page: Page) -> None:
    found = run(
        page,
        """
        const inputs = new Inputs();
        await inputs.open();
        const found = {};
        for (const kind of ["video", "audio"]) {
            const [track] = inputs.stream.getTracks().filter((each) => each.kind === kind);
            const problem = told(inputs, "problem");
            track.stop();
            track.dispatchEvent(new Event("ended")); // as the browser does when it is unplugged
            const { what, advice } = await problem;
            const left = names(inputs);
            const solved = told(inputs, "solved");
            navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
            found[kind] = { what, advice, left, solved: await solved, after: names(inputs) };
        }
        inputs.close();
        return found;
        """,
    )
    for kind, other, device in (("video", "audio", "camera"), ("audio", "video", "microphone")):
        told = found[kind]
        assert told["what"].startswith(f"The {device} (")
        assert told["what"].endswith("was unplugged or switched off.")
        assert "Plug it in again" in told["advice"]
        assert told["left"] == [other]
        assert told["solved"] == {"kind": kind}
        assert told["after"] == ["audio", "video"]


def test_what_is_wrong_with_a_device_is_said_in_plain_words(page: Page) -> None:
    both = ["NotFoundError"] * 2
    denied = ["NotAllowedError"] * 2
    cases: list[tuple[list[str], list[str], str, str]] = [
        (["", "NotFoundError"], ["audio"], "No camera was found.", "Only sound is sent. Plug one"),
        (["NotFoundError", ""], ["video"], "No microphone was found.", "Only the picture is sent."),
        (both, [], "No camera or microphone was found.", "Plug one in, then press Start again."),
        (["", "NotReadableError"], ["audio"], "The camera is in use by another program", "Close"),
        (["", "OverconstrainedError"], ["audio"], "The chosen camera is not connected.", "Choose"),
        (denied, [], "The browser has no permission", "allow both, then press Start again."),
        ([*denied, "by system"], [], "The system does not let this browser", "privacy settings"),
        (["TypeError", "TypeError", "odd"], [], "did not start: odd.", "Press Start again to try"),
    ]
    found = run(
        page,
        """
        const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        const tried = async ([audio, video, message]) => {
            navigator.mediaDevices.getUserMedia = async (wanted) => {
                const name = (wanted.video && video) || (wanted.audio && audio);
                if (name) throw new DOMException(message ?? "", name);
                return real(wanted);
            };
            const inputs = new Inputs();
            const problems = await inputs.open().catch((error) => [error.problem]);
            const kinds = names(inputs);
            inputs.close();
            return { problems, kinds };
        };
        const said = [];
        for (const errors of argument) said.push(await tried(errors));
        return said;
        """,
        [errors for errors, *_ in cases],
    )
    for (errors, kinds, what, advice), said in zip(cases, found, strict=True):
        assert said["kinds"] == kinds, errors
        [problem] = said["problems"]
        assert what in problem["what"]
        assert advice in problem["advice"]


CLIPS = "http://clips.example"
READABLE = {"Access-Control-Allow-Origin": "*"}
PICTURE = "<svg xmlns='http://www.w3.org/2000/svg' width='33' height='21'/>"


def answer(route: Route) -> None:
    name = route.request.url.removeprefix(CLIPS)
    kind, body = ("text/html", "a page") if name == "/page" else ("image/svg+xml", PICTURE)
    if name == "/down.mp4":
        route.abort("connectionrefused")
    elif name == "/private.mp4":
        others = {"Access-Control-Allow-Origin": "http://others.example"}
        route.fulfill(body="not for this site", content_type="video/mp4", headers=others)
    elif name == "/gone.mp4":
        route.fulfill(status=404, headers=READABLE)
    elif name == "/odd.avi":
        route.fulfill(body="x", content_type="video/x-msvideo", headers=READABLE)
    else:
        route.fulfill(body=body, content_type=kind, headers=READABLE)


def test_an_address_that_cannot_be_shown_says_why(page: Page) -> None:
    page.route(f"{CLIPS}/**", answer)
    addresses = ["/down.mp4", "/private.mp4", "/gone.mp4", "/odd.avi", "/page"]
    wrong = ["", "not an address", "ftp://clips.example/a.mp4", "javascript:alert(1)"]
    found = run(
        page,
        """
        const said = [];
        for (const address of argument) {
            const inputs = new Inputs({ picture: { kind: "address", address } });
            said.push(await inputs.open().then(() => "opened", ({ problem }) => problem));
        }
        return said;
        """,
        [*(CLIPS + each for each in addresses), *wrong],
    )
    assert [problem["what"] for problem in found] == [
        "clips.example does not answer.",
        "clips.example does not let pages of other sites read this video.",
        "clips.example has nothing at this address.",
        "This browser cannot play what is there (video/x-msvideo).",
        "This address is a web page, not a video file.",
        *["That is no address of a video."] * 4,
    ]
    assert all(problem["advice"] for problem in found)


def test_files_addresses_and_pictures_take_the_place_of_the_camera(page: Page) -> None:
    page.route(f"{CLIPS}/**", answer)
    found = run(
        page,
        """
        const sample = await (await fetch("sample.webm")).blob();
        const clip = new File([sample], "a film.webm", { type: "video/webm" });
        const notes = new File(["no film"], "notes.txt", { type: "text/plain" });
        const pictures = [
            { kind: "file", file: clip },
            { kind: "address", address: argument },
            { kind: "sample" },
        ];
        const inputs = new Inputs();
        await inputs.open();
        const said = [];
        for (const picture of pictures) {
            const source = told(inputs, "source");
            await inputs.show(picture);
            const { width, height } = inputs.stream.getVideoTracks()[0].getSettings();
            said.push([(await source).kind, (await source).name, names(inputs), width, height]);
        }
        const refused = await inputs.show({ kind: "file", file: notes }).catch((e) => e.problem);
        const left = names(inputs);
        inputs.close();
        return { said, refused, left };
        """,
        f"{CLIPS}/sign.svg",
    )
    both = ["audio", "video"]
    assert found["said"] == [
        ["clip", "a film.webm", both, 640, 360],
        ["picture", "sign.svg", both, 34, 22],  # encoders need even numbers
        ["clip", "Sample clip", both, 640, 360],
    ]
    assert found["refused"]["what"] == "This browser cannot play notes.txt (text/plain)."
    assert found["left"] == both


SILENT = """
    AudioContext.prototype.resume = () => new Promise(() => {});
    const state = { get: () => "suspended" };
    Object.defineProperty(BaseAudioContext.prototype, "state", state);
    const { play } = HTMLMediaElement.prototype;
    HTMLMediaElement.prototype.play = function () {
        const refused = new DOMException("", "NotAllowedError");
        return this.muted ? play.call(this) : Promise.reject(refused);
    };
"""  # as in a page that was loaded again and not clicked yet


@pytest.mark.parametrize("silence", ["", SILENT], ids=["with a click", "without a click"])
def test_the_sample_clip_gives_moving_pictures_and_sound(page: Page, silence: str) -> None:
    found = run(
        page,
        silence
        + """
        const clips = [];
        const create = document.createElement.bind(document);
        document.createElement = (name) => {
            const made = create(name);
            if (name === "video") clips.push(made);
            return made;
        };
        const inputs = new Inputs({ picture: { kind: "sample" } });
        await inputs.open();
        const tracks = inputs.stream.getTracks();
        const video = Object.assign(document.createElement("video"), { muted: true });
        video.srcObject = inputs.stream;
        await video.play();
        const frame = () =>
            new Promise((done) => video.requestVideoFrameCallback((_, at) => done(at)));
        await frame();
        const { width, height } = await frame();
        const context = new AudioContext();
        const meter = context.createAnalyser();
        context.createMediaStreamSource(inputs.stream).connect(meter);
        const samples = new Float32Array(meter.fftSize);
        let loudest = 0;
        while (loudest < 0.05) {
            await frame();
            meter.getFloatTimeDomainData(samples);
            loudest = Math.max(loudest, ...samples.map(Math.abs));
        }
        const [clip] = clips;
        const { hears } = inputs; // the clip is heard in place of the microphone
        const muted = [clip.muted];
        dispatchEvent(new Event("pointerdown"));
        muted.push(clip.muted);
        inputs.close();
        return { width, height, hears, muted, states: tracks.map((track) => track.readyState) };
        """,
    )
    muted = [bool(silence), False]
    size = {"width": 640, "height": 360}
    assert found == {**size, "hears": False, "muted": muted, "states": ["ended", "ended"]}


def test_a_shared_screen_mixes_its_sound_and_the_camera_is_back_when_it_ends(page: Page) -> None:
    found = run(
        page,
        """
        const canvas = Object.assign(document.createElement("canvas"), { width: 800, height: 600 });
        canvas.getContext("2d").fillRect(0, 0, 9, 9);
        const tone = new AudioContext().createMediaStreamDestination();
        const shared = [...canvas.captureStream(5).getTracks(), ...tone.stream.getTracks()];
        navigator.mediaDevices.getDisplayMedia = async (wanted) => {
            if (window.refused) throw new DOMException("", "NotAllowedError");
            return new MediaStream(shared);
        };
        const inputs = new Inputs();
        await inputs.open();
        const [microphone] = inputs.stream.getAudioTracks();
        await inputs.show({ kind: "screen" });
        const [screen] = inputs.stream.getVideoTracks();
        const mixed = ![...shared, microphone].includes(inputs.stream.getAudioTracks()[0]);
        const { width } = screen.getSettings();
        const source = told(inputs, "source");
        screen.stop();
        screen.dispatchEvent(new Event("ended")); // the user presses the browser's own button
        const { kind } = await source;
        const same = inputs.stream.getAudioTracks()[0] === microphone && microphone.readyState;
        window.refused = true;
        const refused = await inputs.show({ kind: "screen" }).catch((error) => error.problem);
        const left = inputs.picture.kind;
        inputs.close();
        return { mixed, width, kind, same, refused, left, state: microphone.readyState };
        """,
    )
    assert (found["mixed"], found["width"], found["kind"]) == (True, 800, "camera")
    assert found["same"] == "live"
    assert found["refused"]["what"] == "No screen was shared."
    assert (found["left"], found["state"]) == ("camera", "ended")


def test_devices_are_named_found_again_and_taken_in_turn(page: Page) -> None:
    cameras = [("a", "Front Camera"), ("b", "Back Camera"), ("c", "Back Wide Camera")]
    found = run(
        page,
        """
        const { found, nextCamera, sorted } = await import("./inputs/devices.js");
        const { constraints } = await import("./inputs/camera.js");
        const cameras = argument.map(([id, label]) => ({ id, label }));
        const listed = sorted([
            { deviceId: "", kind: "videoinput", label: "" },
            { deviceId: "communications", kind: "audiooutput", label: "Same" },
            { deviceId: "x", kind: "audiooutput", label: "Headphones" },
        ]);
        const next = cameras.map(({ id }) => nextCamera(cameras, id).id);
        const chosen = [["new", "Back Camera"], ["a", "renamed"], ["z", "z"]];
        const again = chosen.map(([id, label]) => found(cameras, { id, label })?.id ?? null);
        const side = constraints(["video"], { facing: "environment" }).video.facingMode;
        const one = constraints(["video"], { camera: "b", facing: "user" }).video;
        return {
            listed, next, again, side, none: nextCamera([], "a") ?? null,
            one: [one.deviceId, one.facingMode ?? null],
        };
        """,
        cameras,
    )
    assert found["listed"] == {
        "cameras": [{"id": "", "label": "Camera 1"}],
        "microphones": [],
        "speakers": [{"id": "x", "label": "Headphones"}],
    }
    assert found["next"] == ["b", "a", "a"]  # the other side of a phone first
    assert found["again"] == ["b", "a", None]
    assert found["side"] == {"ideal": "environment"}
    assert found["one"] == [{"exact": "b"}, None]
    assert found["none"] is None


def test_the_screen_stays_on_the_theme_follows_and_a_gone_loudspeaker_is_told(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    found = run(
        page,
        """
        const { WakeLock } = await import("./showing/wake_lock.js");
        const { ThemeSwitch } = await import("./showing/theme.js");
        const { canChooseSpeaker, chooseSpeaker } = await import("./showing/speaker.js");
        const asked = [];
        Object.defineProperty(navigator, "wakeLock", { value: { request: async (kind) => {
            const lock = { released: false, release: async () => (lock.released = true) };
            asked.push(lock);
            return lock;
        } } });
        const lock = new WakeLock();
        const held = [lock.held];
        await lock.want(true);
        held.push(lock.held);
        asked[0].released = true; // as when the page is hidden
        document.dispatchEvent(new Event("visibilitychange"));
        await Promise.resolve();
        await Promise.resolve();
        held.push(lock.held);
        await lock.want(false);
        held.push(lock.held);
        const theme = new ThemeSwitch(document.body);
        const dark = ["system", "light", "dark"].map((each) => {
            theme.choose(each);
            return document.body.classList.contains("dark");
        });
        const plays = (id) => chooseSpeaker([new Audio()], id);
        const speakers = [await plays(""), await plays("gone")];
        return { held, locks: asked.length, dark, can: canChooseSpeaker(), speakers };
        """,
    )
    assert found["held"] == [False, True, True, False]
    assert found["locks"] == 2
    assert found["dark"] == [True, False, True]
    assert (found["can"], found["speakers"]) == (True, [True, False])


def mounted(page: Page) -> Page:
    """Put the demo page onto the bare one."""
    page.evaluate(
        """async () => {
            document.body.innerHTML = await (await fetch("page.html")).text();
            (await import("./page.js")).mount(document.body);
        }"""
    )
    page.locator("[data-part=start]:enabled").wait_for()
    return page


def part(page: Page, name: str) -> Locator:
    return page.locator(f"[data-part={name}]")


def live(page: Page) -> list[str]:
    """Return the ids of the sessions that run."""
    sessions = page.request.get("/sessions").json()["sessions"]
    return [session["id"] for session in sessions if session["state"] == "live"]


def test_on_the_page_sources_change_in_a_call_and_choices_are_remembered(page: Page) -> None:
    page.route(f"{CLIPS}/**", answer)
    mounted(page)
    part(page, "start").click()
    expect(page.locator(".eyeline")).to_have_attribute("data-state", "live")
    page.click("[data-tab=settings]")
    session = live(page)
    part(page, "picture").select_option("address")
    part(page, "address").fill(f"{CLIPS}/gone.mp4")
    part(page, "address").press("Enter")
    expect(part(page, "problem")).to_contain_text("clips.example has nothing at this address.")
    expect(part(page, "picture")).to_have_value("camera")  # is sent on
    part(page, "address").fill(f"{CLIPS}/sign.svg")
    part(page, "address").press("Enter")
    expect(part(page, "camera-name")).to_have_text("sign.svg")
    expect(part(page, "problem")).to_be_hidden()
    part(page, "file").set_input_files(SAMPLE)
    expect(part(page, "camera-name")).to_have_text("sample.webm")
    part(page, "picture").select_option("camera")
    expect(part(page, "camera-name")).to_have_text("Camera")
    other = part(page, "microphones").locator("option").nth(1)
    label = other.inner_text()
    part(page, "microphones").select_option(label=label)
    page.wait_for_function("label => localStorage['eyeline.devices']?.includes(label)", arg=label)
    part(page, "theme").select_option("dark")
    expect(page.locator("body")).to_have_class(re.compile("dark"))
    assert live(page) == session
    page.reload()
    page.click("h1")
    mounted(page)
    expect(page.locator("body")).to_have_class(re.compile("dark"))
    expect(page.locator(".eyeline")).to_have_attribute("data-state", "live")  # it goes on
    chosen = "select => select.selectedOptions[0].textContent"
    assert part(page, "microphones").evaluate(chosen) == label


def test_on_the_page_a_camera_that_is_unplugged_is_told_and_a_screen_that_is_refused(
    page: Page,
) -> None:
    page.evaluate(
        """() => {
            const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (wanted) => {
                const stream = await real(wanted);
                window.camera = stream.getVideoTracks()[0] ?? window.camera;
                return stream;
            };
            navigator.mediaDevices.getDisplayMedia = async () => {
                throw new DOMException("", "NotAllowedError");
            };
        }"""
    )
    mounted(page)
    part(page, "start").click()
    expect(page.locator(".eyeline")).to_have_attribute("data-state", "live")
    part(page, "share-screen").click()
    expect(part(page, "problem")).to_contain_text("No screen was shared.")
    expect(part(page, "share-screen")).to_have_attribute("aria-pressed", "false")
    page.evaluate("() => (camera.stop(), camera.dispatchEvent(new Event('ended')))")
    expect(part(page, "problem")).to_contain_text("was unplugged or switched off.")
    expect(part(page, "problem")).to_contain_text("Sound is still sent")
    page.evaluate("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))")
    expect(part(page, "problem")).to_be_hidden()
    page.wait_for_function("document.querySelector('[data-part=camera]').videoWidth > 0")

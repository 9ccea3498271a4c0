"""Headless Chromium with a camera that shows a clip and a microphone that speaks.

Playwright drives the browser that the system has, or one that `playwright install` left.
"""

import shutil
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray
from PIL import Image, ImageOps
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    Request,
    expect,
    sync_playwright,
)

from tests.paths import SAMPLE
from tests.patience import PATIENCE

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
SPOKEN = (
    "And so my fellow Americans, ask not what your country can do for you, ask what you can do "
    "for your country."
)  # what the first SPOKEN_END seconds of SAMPLE say
SPOKEN_END = 11.9  # seconds
RATE = 48_000
PATIENCE_MS = 1000 * PATIENCE  # as Playwright counts
expect.set_options(timeout=PATIENCE_MS)
FLAGS = (
    "--no-sandbox",  # containers and root have no user namespaces for it
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-features=WebRtcHideLocalIpsWithMdns,OptimizationHints,MediaRouter",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
)


class NoBrowserError(RuntimeError):
    """There is no Chromium; the message says how to get it."""


def find_chromium(driver: Playwright) -> str:
    """Return the path of the system's Chromium, or else of Playwright's.

    Raises:
        NoBrowserError: none is installed.
    """
    for name in (*NAMES, driver.chromium.executable_path):
        if path := shutil.which(name):
            return path
    raise NoBrowserError(
        f"browser tests need one of {', '.join(NAMES)}: apt-get install -y chromium,"
        " or playwright install chromium"
    )


def camera_file(folder: Path) -> Path:
    """Return an MJPEG of SAMPLE's picture: one pass, which Chromium repeats."""
    path = folder / "camera.mjpeg"
    with av.open(str(SAMPLE)) as source, av.open(str(path), "w", format="mjpeg") as sink:
        stream = sink.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuvj420p"
        stream.options = {"q:v": "4"}
        for index, frame in enumerate(source.decode(video=0)):
            if index == 250:
                break
            picture = frame.reformat(format="yuvj420p")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            sink.mux(stream.encode(picture))
        sink.mux(stream.encode(None))
    return path


def slides_file(folder: Path, pictures: Sequence[Path], *, seconds: float, fps: int = 5) -> Path:
    """Return a Y4M that shows each of `pictures` for `seconds`: a camera whose view changes.

    Few frames a second leave the machine to the models; Chromium repeats the file.
    """
    path = folder / "slides.y4m"
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W640 H360 F{fps}:1 Ip A1:1 C420\n".encode())
        for each in pictures:
            with Image.open(each) as image:
                shown = np.asarray(ImageOps.fit(image.convert("RGB"), (640, 360)))
            planes = av.VideoFrame.from_ndarray(shown).reformat(format="yuv420p").to_ndarray()
            file.write((b"FRAME\n" + planes.tobytes()) * round(seconds * fps))
    return path


def still_file(folder: Path) -> Path:
    """Return a Y4M of a grey picture, few times a second: it takes the machine little."""
    Image.new("RGB", (640, 360), "grey").save(folder / "grey.png")
    return slides_file(folder, [folder / "grey.png"], seconds=2)


def microphone_file(folder: Path, *, lead: float) -> Path:
    """Return a WAV of `lead` seconds of silence, then SPOKEN, then a second of silence."""
    resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(str(SAMPLE)) as source:
        parts = [
            out.to_ndarray()[0]
            for frame in source.decode(audio=0)
            for out in resampler.resample(frame)
        ]
    speech = np.concatenate(parts)[: round(SPOKEN_END * RATE)]
    silence = np.zeros(round(lead * RATE), np.int16)
    path = folder / f"microphone-{lead}.wav"
    return sound_file(path, np.concatenate([silence, speech, np.zeros(RATE, np.int16)]))


def turns_file(folder: Path) -> Path:
    """Return a WAV of a second of speech and two of silence: a turn is over soon."""
    with wave.open(str(microphone_file(folder, lead=0.0)), "rb") as source:
        speech = np.frombuffer(source.readframes(RATE), np.int16)
    return sound_file(folder / "turns.wav", np.concatenate([speech, np.zeros(2 * RATE, np.int16)]))


def silent_microphone(folder: Path) -> Path:
    """Return a WAV of a second of silence."""
    return sound_file(folder / "silence.wav", np.zeros(RATE, np.int16))


def sound_file(path: Path, samples: NDArray[np.int16]) -> Path:
    with wave.open(str(path), "wb") as sink:
        sink.setnchannels(1)
        sink.setsampwidth(2)
        sink.setframerate(RATE)
        sink.writeframes(samples.tobytes())
    return path


@dataclass
class Devices:
    """What the browser's fake camera and microphone play; without a file, the camera shows a clock.

    A browser without devices has neither.
    """

    camera: Path | None
    microphone: Path
    repeat: bool = False

    def flags(self) -> tuple[str, ...]:
        once = "" if self.repeat else "%noloop"
        shown = (f"--use-file-for-fake-video-capture={self.camera}",) if self.camera else ()
        return (
            "--use-fake-device-for-media-stream",
            *shown,
            f"--use-file-for-fake-audio-capture={self.microphone}{once}",
        )


@contextmanager
def chromium(devices: Devices | None) -> Iterator[Browser]:
    """Start a browser with `devices` and end it with the block."""
    with sync_playwright() as driver, launched(driver, devices) as browser:
        yield browser


@contextmanager
def launched(driver: Playwright, devices: Devices | None) -> Iterator[Browser]:
    """The same beside other browsers of `driver`: a thread can have only one driver at a time."""
    flags = [*FLAGS, *(devices.flags() if devices else ())]
    browser = driver.chromium.launch(executable_path=find_chromium(driver), args=flags)
    try:
        yield browser
    finally:
        browser.close()


@dataclass
class Witness:
    """What a page did behind its back: errors, console messages and requests."""

    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def watch(self, context: BrowserContext) -> None:
        context.on("request", self._note)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on(
            "console",
            lambda message: self.errors.append(message.text) if message.type == "error" else None,
        )

    def _note(self, request: Request) -> None:
        if request.url.startswith(("http:", "https:", "ws:", "wss:")):
            self.hosts.add(request.url.split("/")[2].rsplit(":", 1)[0])


def new_page(browser: Browser, *, allowed: bool, **options: object) -> tuple[Page, Witness]:
    """Return a page that may use the camera, or not, with a witness of what it does."""
    permissions = ["camera", "microphone"] if allowed else []
    context = browser.new_context(permissions=permissions, **options)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    witness = Witness()
    witness.watch(context)
    return context.new_page(), witness

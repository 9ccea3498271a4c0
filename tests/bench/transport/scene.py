"""What is sent: a real clip with time codes, and real speech with its words."""

import asyncio
import itertools
import json
import time
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from media.files.decoding import decode_audio
from media.frames import SAMPLE_RATE
from tests.bench.transport import time_code
from tests.bench.transport.logs import Plan, SideLog
from tests.paths import SAMPLE, SPEECH

FRAMES = 90  # of the clip, forwards and backwards
RATE = 48_000  # Hz
PACKET = 960  # samples: 20 ms
PAUSE = 0.7  # seconds between clips
NUMBERS = 1 << time_code.NUMBER_BITS


def pictures(size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """Return frames of the clip as yuv420p arrays (height * 3 / 2, width)."""
    with av.open(str(SAMPLE)) as container:
        frames = itertools.islice(container.decode(video=0), FRAMES)
        made = [frame.reformat(*size, format="yuv420p").to_ndarray() for frame in frames]
    return [picture.astype(np.uint8, copy=False) for picture in made]


class TimedCamera(MediaStreamTrack):
    """Sends the clip in real time; logs when each frame was captured. Late frames are left out."""

    kind = "video"

    def __init__(self, plan: Plan, log: SideLog) -> None:
        super().__init__()
        self._pictures = pictures(plan.size)
        self._period = 1 / plan.rate
        self._log = log
        self._number = -1
        self._begun: float | None = None

    async def recv(self) -> av.VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        now = time.monotonic()
        self._begun = self._begun or now
        self._number = max(self._number + 1, int((now - self._begun) / self._period))
        picture = self._picture(self._number)
        await asyncio.sleep(self._begun + self._number * self._period - time.monotonic())
        self._log.captured[self._number % NUMBERS] = time.monotonic()
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = round(self._number * self._period * 90_000)
        frame.time_base = Fraction(1, 90_000)
        return frame

    def _picture(self, number: int) -> NDArray[np.uint8]:
        place = number % (2 * FRAMES)
        picture = self._pictures[min(place, 2 * FRAMES - 1 - place)].copy()
        time_code.stamp(picture[: len(picture) * 2 // 3], number % NUMBERS)
        return picture


class TimedMicrophone(MediaStreamTrack):
    """Says `speech` in real time, then nothing; logs when each 20 ms were complete."""

    kind = "audio"

    def __init__(self, log: SideLog, speech: NDArray[np.float32]) -> None:
        super().__init__()
        self._sound = at_48_khz(speech)
        self._log = log
        self._begun: float | None = None

    async def recv(self) -> av.AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        number = len(self._log.spoken)
        self._begun = self._begun or time.monotonic()
        await asyncio.sleep(self._begun + number * PACKET / RATE - time.monotonic())
        part = self._sound[:, number * PACKET : (number + 1) * PACKET]
        part = np.pad(part, ((0, 0), (0, PACKET - part.shape[1])))
        self._log.spoken.append(time.monotonic())
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = number * PACKET
        frame.time_base = Fraction(1, RATE)
        return frame


@dataclass(frozen=True, slots=True)
class SpokenClip:
    """A clip of real speech: its words and where it is in the sound, in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Speech:
    """Sound at 16 kHz with the words in it."""

    samples: NDArray[np.float32]
    clips: tuple[SpokenClip, ...]


def speech(seconds: float, seed: int) -> Speech:
    """Return at least `seconds` of speech; another seed begins with another clip."""
    lines = (SPEECH / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    parts: list[NDArray[np.float32]] = []
    clips: list[SpokenClip] = []
    size = 0
    for row in itertools.cycle(rows[seed % len(rows) :] + rows[: seed % len(rows)]):
        sound = np.concatenate(list(decode_audio(SPEECH / row["path"], max_duration=600)))
        clips.append(SpokenClip(row["text"], size / SAMPLE_RATE, (size + len(sound)) / SAMPLE_RATE))
        parts += [sound, np.zeros(round(PAUSE * SAMPLE_RATE), np.float32)]
        size += len(parts[-2]) + len(parts[-1])
        if size >= seconds * SAMPLE_RATE:
            return Speech(np.concatenate(parts), tuple(clips))
    raise AssertionError("a cycle has no end")


def at_48_khz(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return 16 kHz samples as PCM16 (1, n) at 48 kHz."""
    return resampled(samples, SAMPLE_RATE, RATE, "s16")


def resampled(
    samples: NDArray[np.float32], rate: int, wanted: int, format: str = "flt"
) -> NDArray[np.int16]:
    """Return `samples` (n,) at another rate, (1, m)."""
    resampler = av.AudioResampler(format, "mono", wanted)
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.sample_rate = rate
    parts = [each.to_ndarray() for taken in (frame, None) for each in resampler.resample(taken)]
    return np.concatenate(parts, axis=1)

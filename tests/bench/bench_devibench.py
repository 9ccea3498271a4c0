"""DeViBench in small: how often a model is misled by few bits, and by loss.

`python -m tests.bench.bench_devibench [--loss 0.05] [--bitrates 100 200 400] [CLIP ...]`

Clips are encoded at equal bitrates in two ways: uniformly, and with the bits where the relevance
map of the stream itself, as the receiver last decoded and analyzed it, says that they belong. The
small model then sees what arrives. Counted is how often the recognized thing, the number of persons
and the answers differ from those for the clip as it was, so a wrong answer that does not change
does not count. With loss, a frame that is not decodable is replaced by the last one before it, and
a keyframe repairs the chain after a round trip.

By default: the sample clip, and photographs and videos that come with Gradio; photographs are moved
slowly, alone and as a small part of a busy scene. Source: DeViBench is of Artic, arXiv 2602.12641.
"""

import argparse
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import gradio
import numpy as np
import torch
from PIL import Image, ImageOps

from models.assistant import small_model
from models.assistant.scene.perception import Observation, Pixels
from models.assistant.scene.query_parsing import parse_query
from models.assistant.small_model import SmallModel
from rtc.allocation.frame_chains import LossModel
from rtc.allocation.qp_map import relevant_boxes
from rtc.allocation.rectangles import regions_of
from rtc.allocation.regions import Box, Region
from rtc.sending.video.h264_encoder import X264Encoder
from tests.paths import SAMPLE, WEIGHTS
from tests.rtc.allocation.frame_simulation import LossyLink

SIZE = (640, 360)
RATE = 15  # frames per second
SECONDS = 5.0  # of each clip, as in DeViBench
INTERVAL = 0.5  # seconds between two looks
PACKET = 1200  # bytes
ROUND_TRIP = 0.1  # seconds until a keyframe that was asked for is sent
GRADIO = Path(gradio.__file__).parent / "media_assets"
PHOTOGRAPHS = ("cheetah.jpg", "cheetah1.jpg", "lion.jpg", "tower.jpg", "bus.png")
VIDEOS = ("a.mp4", "b.mp4", "world.mp4")


@dataclass(frozen=True, slots=True)
class Clip:
    """Some seconds of video: uint8 (height, width, 3) in RGB."""

    name: str
    frames: tuple[Pixels, ...]


@dataclass(slots=True)
class Tally:
    """What changed, of how much; `errors` are mean square errors in the relevant boxes."""

    looks: int = 0
    things: int = 0
    persons: int = 0
    answers: int = 0
    answers_changed: int = 0
    bits: float = 0.0
    seconds: float = 0.0
    errors: list[float] = field(default_factory=list)
    fallen: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Received:
    """A look at a clip: what was seen at each time, and the answers at the end."""

    seen: tuple[Observation, ...]
    answers: tuple[str, ...]


def read_video(path: Path) -> Clip:
    """Return the first seconds of a file, at `RATE`."""
    frames: list[Pixels] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            while (frame.time or 0.0) >= len(frames) / RATE:
                pixels = ImageOps.fit(Image.fromarray(frame.to_ndarray(format="rgb24")), SIZE)
                frames.append(np.asarray(pixels, np.uint8))
            if len(frames) >= SECONDS * RATE:
                break
    return Clip(path.name, tuple(frames))


def photographed(path: Path, scene: Clip | None = None) -> Clip:
    """Return a photograph that moves slowly and has a camera's noise, alone or in a busy scene."""
    rng = np.random.default_rng(1)
    with Image.open(path) as image:
        whole = ImageOps.exif_transpose(image).convert("RGB")
    frames = []
    for index in range(round(SECONDS * RATE)):
        shift = 0.5 + 0.4 * np.sin(2 * np.pi * index / RATE / 4)
        if scene is None:
            part = ImageOps.fit(whole, (SIZE[0] * 5 // 4, SIZE[1] * 5 // 4))
            left, top = round(shift * SIZE[0] / 4), round(shift * SIZE[1] / 4)
            shown = np.asarray(part.crop((left, top, left + SIZE[0], top + SIZE[1])), np.int16)
        else:
            shown = scene.frames[index % len(scene.frames)].astype(np.int16)
            small = np.asarray(ImageOps.fit(whole, (300, 260)), np.int16)
            left, top = round(shift * (SIZE[0] - 300)), 60
            shown[top : top + 260, left : left + 300] = small
        noise = rng.normal(0, 2.0, shown.shape)
        frames.append((shown + noise).round().clip(0, 255).astype(np.uint8))
    return Clip(path.stem + (" in a scene" if scene else ""), tuple(frames))


def default_clips() -> Iterator[Clip]:
    sample = read_video(SAMPLE)
    yield sample
    for name in VIDEOS:
        yield read_video(GRADIO / "videos" / name)
    for name in PHOTOGRAPHS:
        yield photographed(GRADIO / "images" / name, sample)
    for name in PHOTOGRAPHS:
        yield photographed(GRADIO / "images" / name)


class Channel:
    """Encodes, loses and decodes frames; `shown` is what the receiver has for each."""

    def __init__(self, bitrate: int, loss: float, seed: int) -> None:
        self.bits = 0
        self._encoder = X264Encoder(max_bitrate=bitrate, frame_rate=RATE)
        self._decoder = av.CodecContext.create("h264", "r")
        self._decoder.thread_count = 1
        self._link = LossyLink(LossModel(loss), seed)
        self._broken_until: float | None = None
        self._shown: Pixels | None = None

    def send(self, pixels: Pixels, number: int, regions: Sequence[Region]) -> Pixels:
        """Return what the receiver shows after this frame."""
        moment = number / RATE
        repairs = self._broken_until is not None and moment >= self._broken_until
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        picture = self._encoder.encode(frame, keyframe=repairs, regions=regions)
        assert picture is not None
        self.bits += 8 * len(picture.data)
        packets = [self._link.packet() for _ in range(-(-len(picture.data) // PACKET))]
        arrived = all(packets)
        if repairs and arrived:
            self._broken_until = None
        if not arrived and (self._broken_until is None or repairs):
            self._broken_until = moment + ROUND_TRIP
        if arrived and self._broken_until is None:
            self._decode(picture.data)
        return pixels if self._shown is None else self._shown

    def _decode(self, data: bytes) -> None:
        assert isinstance(self._decoder, av.VideoCodecContext)
        (frame,) = self._decoder.decode(av.Packet(data))  # one thread: at once
        self._shown = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def questions(pristine: Sequence[Observation]) -> tuple[str, ...]:
    """Return what is asked about a clip: about its main thing, in general, and about persons."""
    names = [name for seen in pristine if (name := main_thing(seen))]
    thing = max(set(names), key=names.count) if names else "cup"
    return (f"Where is the {thing}?", "What do you see?", "How many people are there?")


def watch(
    model: SmallModel,
    clip: Clip,
    channel: Channel | None,
    asked: Sequence[str],
    *,
    focused: bool,
    tally: Tally,
) -> Received:
    """Return what the model makes of `clip` after `channel`, None for the clip as it is."""
    memory = model.init_state()
    if asked:
        model.attend(memory, asked[0])
    seen: list[Observation] = []
    regions: tuple[Region, ...] = ()
    boxes: tuple[Box, ...] = ()
    for number, pixels in enumerate(clip.frames):
        shown = pixels if channel is None else channel.send(pixels, number, regions)
        if channel is not None and boxes:
            tally.errors.append(_error(pixels, shown, boxes))
        if number % round(INTERVAL * RATE):
            continue
        memory, _ = model.step(memory, (shown, number / RATE))
        assert memory.latest is not None
        seen.append(memory.latest)
        boxes = relevant_boxes(memory.latest.relevance.numpy())
        if focused:
            regions = regions_of(boxes, SIZE)
    now = len(clip.frames) / RATE
    answers = tuple("".join(model.answer(memory, text, now=now).pieces) for text in asked)
    return Received(tuple(seen), answers)


def _error(pixels: Pixels, shown: Pixels, boxes: Sequence[Box]) -> float:
    width, height = SIZE
    mask = np.zeros((height, width), bool)
    for box in boxes:
        rows = slice(round(box.top * height), round(box.bottom * height))
        mask[rows, round(box.left * width) : round(box.right * width)] = True
    difference = pixels[mask].astype(np.float32) - shown[mask]
    return float(np.square(difference).mean())


def main_thing(observation: Observation) -> str:
    """Return the name of the thing that is seen, or nothing."""
    return next((name for name, _ in observation.scene.names), "")


def compare(pristine: Received, received: Received, tally: Tally) -> None:
    """Count what changed."""
    for one, other in zip(pristine.seen, received.seen, strict=True):
        tally.looks += 1
        tally.things += main_thing(one) != main_thing(other)
        tally.persons += one.scene.people != other.scene.people
        best = int(one.probabilities.argmax())
        tally.fallen.append(float(one.probabilities[best] - other.probabilities[best]))
    for before, after in zip(pristine.answers, received.answers, strict=True):
        tally.answers += 1
        tally.answers_changed += " ".join(before.split()) != " ".join(after.split())


def measure(
    model: SmallModel,
    clips: Sequence[Clip],
    arguments: argparse.Namespace,
    tallies: dict[tuple[int, bool], Tally],
) -> None:
    for clip in clips:
        began = time.perf_counter()
        plain = watch(model, clip, None, (), focused=False, tally=Tally())
        asked = questions(plain.seen)
        assert parse_query(asked[0]) is not None
        pristine = watch(model, clip, None, asked, focused=False, tally=Tally())
        for kbps in arguments.bitrates:
            for focused in (False, True):
                for seed in range(arguments.seeds):
                    tally = tallies.setdefault((kbps, focused), Tally())
                    channel = Channel(1000 * kbps, arguments.loss, seed)
                    received = watch(model, clip, channel, asked, focused=focused, tally=tally)
                    tally.bits += channel.bits
                    tally.seconds += len(clip.frames) / RATE
                    compare(pristine, received, tally)
        print(f"{clip.name}: {time.perf_counter() - began:.0f} s", flush=True)


def report(tallies: dict[tuple[int, bool], Tally], loss: float) -> None:
    print(f"\nloss {100 * loss:g} %\n")
    print(
        "| kbit/s | bits | sent kbit/s | thing changed % | persons changed % | answer changed % |"
        " probability lost | PSNR where relevant |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for (kbps, focused), tally in sorted(tallies.items()):
        error = float(np.mean(tally.errors))
        print(
            f"| {kbps} | {'where relevant' if focused else 'uniform'} "
            f"| {tally.bits / tally.seconds / 1000:.0f} "
            f"| {100 * tally.things / tally.looks:.1f} ({tally.things} of {tally.looks}) "
            f"| {100 * tally.persons / tally.looks:.1f} "
            f"| {100 * tally.answers_changed / tally.answers:.1f} "
            f"({tally.answers_changed} of {tally.answers}) "
            f"| {np.mean(tally.fallen):+.3f} "
            f"| {10 * np.log10(255**2 / error):.1f} dB |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="answers at few bits; see the module")
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--bitrates", type=int, nargs="+", default=[100, 200, 400])
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--seeds", type=int, default=1, help="of the loss")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    random.seed(1)
    model = small_model.load(WEIGHTS)
    clips = [read_video(path) for path in arguments.clips] or list(default_clips())
    tallies: dict[tuple[int, bool], Tally] = {}
    with suppress(KeyboardInterrupt):  # what was measured by then is reported
        measure(model, clips, arguments, tallies)
    report(tallies, arguments.loss)


if __name__ == "__main__":
    main()

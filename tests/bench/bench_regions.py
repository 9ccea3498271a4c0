"""How many bits regions save: `python -m tests.bench.bench_regions [CLIP ...]`.

The same quality of a region of interest (the middle quarter of the picture) is reached with
uniform bits, with regions of interest in x264, and with uniform bits after a blur of the rest,
which is what a browser can do. If nothing but the region is encoded, that is the most that can be
saved. Bits at equal PSNR are interpolated between bitrates, and so is the PSNR of the rest there.

By default: the sample clip, a photograph that moves before it, and a clip that comes with Gradio.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from models.assistant.scene.perception import Pixels
from rtc.allocation.rectangles import regions_of
from rtc.allocation.regions import Box, Region
from rtc.sending.video.h264_encoder import X264Encoder
from tests.bench.bench_devibench import GRADIO, RATE, SIZE, Clip, photographed, read_video
from tests.paths import SAMPLE

BOX = Box(0.25, 0.25, 0.75, 0.75)
BITRATES = (35, 50, 75, 100, 150, 200, 300, 400)  # kbit/s
TARGETS = (200, 400)  # kbit/s of uniform bits whose quality is to be reached
FRACTIONS = ((18, 8), (10, 4), (5, 2))  # as in web/page/static/focus_worker.js
WARM_UP = RATE  # frames until the rate is reached
GREY = 128
ROWS = slice(round(BOX.top * SIZE[1]), round(BOX.bottom * SIZE[1]))
COLUMNS = slice(round(BOX.left * SIZE[0]), round(BOX.right * SIZE[0]))

Point = tuple[float, float, float]  # kbit/s, PSNR of the region, PSNR of the rest


def blurred(pixels: Pixels, regions: Sequence[Region]) -> Pixels:
    """Return what the browser's filter makes of a frame."""
    whole = Image.fromarray(pixels)
    shown = whole.copy()
    for region in reversed(regions):
        by = next((by for least, by in FRACTIONS if region.offset >= least), 1)
        small = whole.resize((SIZE[0] // by, SIZE[1] // by), Image.Resampling.BOX)
        box = region.box
        place = (
            round(box.left * SIZE[0]),
            round(box.top * SIZE[1]),
            round(box.right * SIZE[0]),
            round(box.bottom * SIZE[1]),
        )
        shown.paste(small.resize(SIZE, Image.Resampling.BILINEAR).crop(place), place)
        if by == 1:
            shown.paste(whole.crop(place), place)
    return np.asarray(shown, np.uint8)


def alone(pixels: Pixels) -> Pixels:
    """Return a frame of which the region alone is left."""
    shown = np.full_like(pixels, GREY)
    shown[ROWS, COLUMNS] = pixels[ROWS, COLUMNS]
    return shown


def quality(
    frames: Sequence[Pixels], sent: Sequence[Pixels], kbps: int, regions: Sequence[Region]
) -> Point:
    """Return the kbit/s that were sent, and the PSNR in dB of the region and of the rest."""
    encoder = X264Encoder(max_bitrate=1000 * kbps, frame_rate=RATE)
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    rest = np.ones(SIZE[::-1], bool)
    rest[ROWS, COLUMNS] = False
    bits, inside, outside = 0, [], []
    for number, (pixels, given) in enumerate(zip(frames, sent, strict=True)):
        frame = av.VideoFrame.from_ndarray(given, format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        picture = encoder.encode(frame, regions=regions)
        assert picture is not None
        (shown,) = decoder.decode(av.Packet(picture.data))
        if number >= WARM_UP:
            bits += 8 * len(picture.data)
            errors = np.square(shown.to_ndarray(format="rgb24").astype(np.float32) - pixels)
            inside.append(float(errors[ROWS, COLUMNS].mean()))
            outside.append(float(errors[rest].mean()))
    seconds = (len(frames) - WARM_UP) / RATE
    return bits / seconds / 1000, _psnr(inside), _psnr(outside)


def _psnr(errors: Sequence[float]) -> float:
    return 10 * float(np.log10(255**2 / np.mean(errors)))


def curve(measure: Callable[[int], Point]) -> list[Point]:
    return sorted(measure(kbps) for kbps in BITRATES)


def cell(points: Sequence[Point], rate: float, decibels: float) -> str:
    """Return the bits at which a curve reaches `decibels`, and the quality of the rest there."""
    rates = np.log([point[0] for point in points])
    reached = np.maximum.accumulate([point[1] for point in points])
    needed = float(np.interp(decibels, reached, rates))
    rest = float(np.interp(needed, rates, [point[2] for point in points]))
    least = "at least " if decibels <= reached[0] else ""
    return f"{least}{100 * (np.exp(needed) / rate - 1):+.0f} % ({rest:.1f} dB)"


def report(clip: Clip) -> None:
    """Print the rows of a clip."""
    frames = clip.frames
    regions = regions_of([BOX], SIZE)
    filtered = [blurred(pixels, regions) for pixels in frames]
    cut = [alone(pixels) for pixels in frames]
    uniform = curve(lambda kbps: quality(frames, frames, kbps, ()))
    curves = (
        curve(lambda kbps: quality(frames, frames, kbps, regions)),
        curve(lambda kbps: quality(frames, filtered, kbps, ())),
        curve(lambda kbps: quality(frames, cut, kbps, ())),
    )
    for target in TARGETS:
        rate, decibels, rest = min(uniform, key=lambda point: abs(point[0] - target))
        cells = " | ".join(cell(points, rate, decibels) for points in curves)
        print(
            f"| {clip.name} | {rate:.0f} | {decibels:.1f} / {rest:.1f} dB | {cells} |", flush=True
        )


def default_clips() -> Iterator[Clip]:
    sample = read_video(SAMPLE)
    yield sample
    yield photographed(GRADIO / "images" / "cheetah.jpg", sample)
    yield read_video(GRADIO / "videos" / "b.mp4")


def main() -> None:
    print("| clip | uniform kbit/s | PSNR of the region / the rest | x264 | blur | region alone |")
    print("|---|---|---|---|---|---|")
    for clip in [read_video(Path(name)) for name in sys.argv[1:]] or default_clips():
        report(clip)


if __name__ == "__main__":
    main()

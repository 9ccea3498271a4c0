"""How many bits regions save: `python -m tests.bench.bench_regions [CLIP]`.

The same quality of a region of interest (the middle quarter of the picture) is reached with
uniform bits, with regions of interest in x264, and with uniform bits after a blur of the rest,
which is what a browser can do. Bits at equal PSNR are interpolated between bitrates.
"""

import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from models.assistant.scene.perception import Pixels
from rtc.allocation.qp_map import qp_offsets
from rtc.allocation.rectangles import regions_of
from rtc.allocation.regions import Box, Region
from rtc.sending.video.h264_encoder import X264Encoder
from tests.bench.bench_devibench import RATE, SIZE, read_video
from tests.paths import SAMPLE

BOX = Box(0.25, 0.25, 0.75, 0.75)
BITRATES = (50, 75, 100, 150, 200, 300, 400, 600, 900)  # kbit/s
TARGETS = (200, 400)  # kbit/s of uniform bits whose quality is to be reached
FRACTIONS = ((18, 8), (10, 4), (5, 2))  # as in web/page/static/focus_worker.js
WARM_UP = RATE  # frames until the rate is reached


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


def quality(
    frames: Sequence[Pixels], sent: Sequence[Pixels], kbps: int, regions: Sequence[Region]
) -> tuple[float, float]:
    """Return the kbit/s that were sent, and the PSNR of the region of interest in dB."""
    encoder = X264Encoder(max_bitrate=1000 * kbps, frame_rate=RATE)
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    rows = slice(round(BOX.top * SIZE[1]), round(BOX.bottom * SIZE[1]))
    columns = slice(round(BOX.left * SIZE[0]), round(BOX.right * SIZE[0]))
    bits, errors = 0, []
    for number, (pixels, given) in enumerate(zip(frames, sent, strict=True)):
        frame = av.VideoFrame.from_ndarray(given, format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        picture = encoder.encode(frame, regions=regions)
        assert picture is not None
        (shown,) = decoder.decode(av.Packet(picture.data))
        if number >= WARM_UP:
            bits += 8 * len(picture.data)
            difference = shown.to_ndarray(format="rgb24")[rows, columns].astype(float)
            errors.append(float(np.square(difference - pixels[rows, columns]).mean()))
    seconds = (len(frames) - WARM_UP) / RATE
    return bits / seconds / 1000, 10 * float(np.log10(255**2 / np.mean(errors)))


def curve(measure: Callable[[int], tuple[float, float]]) -> list[tuple[float, float]]:
    return sorted(measure(kbps) for kbps in BITRATES)


def needed(points: Sequence[tuple[float, float]], decibels: float) -> float:
    """Return the kbit/s at which a curve reaches `decibels`."""
    rates, reached = np.log([rate for rate, _ in points]), [quality for _, quality in points]
    return float(np.exp(np.interp(decibels, np.maximum.accumulate(reached), rates)))


def main() -> None:
    clip = read_video(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLE)
    frames = clip.frames
    regions = regions_of(qp_offsets([BOX], SIZE), SIZE)
    filtered = [blurred(pixels, regions) for pixels in frames]
    uniform = curve(lambda kbps: quality(frames, frames, kbps, ()))
    focused = curve(lambda kbps: quality(frames, frames, kbps, regions))
    before = curve(lambda kbps: quality(frames, filtered, kbps, ()))
    print("| uniform kbit/s | PSNR of the region | regions in x264 | blur before the encoder |")
    print("|---|---|---|---|")
    for target in TARGETS:
        rate, decibels = min(uniform, key=lambda point: abs(point[0] - target))
        cells = []
        for points in (focused, before):
            bits = needed(points, decibels)
            least = "at most " if decibels <= points[0][1] else ""
            cells.append(f"{least}{bits:.0f} kbit/s ({100 * (bits / rate - 1):+.0f} %)")
        print(f"| {rate:.0f} | {decibels:.1f} dB | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

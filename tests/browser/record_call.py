"""Record the moving picture of README, with three photographs of the package scikit-image:

    python -m tests.browser.record_call docs/images/call.webp rocket.jpg chelsea.png coffee.png

A headless Chromium opens the page of a running service. Its camera shows the photographs one after
another, its microphone speaks. It makes a standing request and asks a question. What the page
shows meanwhile becomes an animated WebP.
"""

import io
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.browser.chromium import Devices, chromium, microphone_file, new_page, slides_file
from tests.service import service
from web.cli.output_file import open_output

SHOWN = 7.0  # seconds a photograph
WIDTH, HEIGHT = 1080, 1440  # of the page, in pixels
SIZE = (720, 960)  # of the picture
INTERVAL = 0.4  # seconds between two screenshots
SCRIPT = {  # seconds of the call: what is typed then
    3.0: "Tell me when you see a cat",
    19.0: "When did you last see the cat?",
}
END = 29.0
QUALITY = 60


def record(page: Page) -> Iterator[tuple[float, Image.Image]]:
    """Yield screenshots of a call with their times, in seconds."""
    page.locator("[data-part=start]").click()
    page.locator(".eyeline[data-state=live]").wait_for()
    begin, script = time.monotonic(), dict(SCRIPT)
    while (now := time.monotonic() - begin) < END:
        if script and now >= min(script):
            page.locator("[data-part=question]").fill(script.pop(min(script)))
            page.locator("[data-part=question]").press("Enter")
        yield now, Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize(SIZE)
        page.wait_for_timeout(max(0.0, INTERVAL - (time.monotonic() - begin - now)) * 1000)


def main() -> None:
    """Run the command line."""
    target, *photographs = map(Path, sys.argv[1:])
    with open_output(target, photographs) as output:
        count = write(output.partial, photographs)
        output.worth_keeping = True
    sys.stdout.write(f"{target}: {count} frames, {target.stat().st_size / 1e6:.1f} MB\n")


def write(target: Path, photographs: list[Path]) -> int:
    """Write the picture to `target`, and return the number of its frames."""
    with tempfile.TemporaryDirectory() as scratch, service() as running:
        folder = Path(scratch)
        slides = slides_file(folder, photographs, seconds=SHOWN)
        devices = Devices(slides, microphone_file(folder, lead=4.0), repeat=True)
        with chromium(devices) as browser:
            size = {"width": WIDTH, "height": HEIGHT}
            page, _ = new_page(browser, allowed=True, viewport=size)
            page.goto(running.url)
            page.locator("[data-part=start]:enabled").wait_for()
            times, frames = zip(*record(page), strict=True)
    durations = [round(1000 * (after - before)) for before, after in pairwise(times)]
    first, *rest = frames
    first.save(
        target,
        format="webp",
        save_all=True,
        append_images=rest,
        duration=[*durations, 3000],
        loop=0,
        quality=QUALITY,
        method=6,
    )
    return len(frames)


if __name__ == "__main__":
    main()

"""Take README's picture of a call, with three photographs of the package scikit-image:

    python -m tests.browser.record_call docs/images/call.webp rocket.jpg chelsea.png coffee.png

A headless Chromium opens the page of a running service. Its camera shows the photographs one after
another. It makes a standing request, waits until that is met, and asks a question about what was
seen before. What the page shows then becomes a WebP.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.browser.chromium import (
    SPOKEN_END,
    Devices,
    chromium,
    microphone_file,
    new_page,
    slides_file,
)
from tests.service import service
from web.cli.output_file import open_output

SHOWN = 6.0  # seconds a photograph
WIDTH, HEIGHT = 1280, 800  # of the page, in pixels
REQUEST = "Tell me when you see a cat"
QUESTION = "What did you see before the cat?"
AFTER_MS = 7000  # from the answer to the picture: the camera shows the third photograph
QUALITY = 72


def talk(page: Page) -> None:
    """Hold a call until its last answer is complete."""
    page.locator("[data-part=talk]").uncheck()  # what the microphone says is no question
    page.locator("[data-part=start]").click()
    page.locator(".eyeline[data-state=live]").wait_for()
    ask(page, REQUEST)
    page.locator(".exchange.unasked[aria-busy=false]").first.wait_for()
    ask(page, QUESTION)
    page.wait_for_timeout(AFTER_MS)


def ask(page: Page, question: str) -> None:
    """Ask, and wait for the answer."""
    page.locator("[data-part=question]").fill(question)
    page.locator("[data-part=question]").press("Enter")
    page.locator(".exchange[aria-busy=false]", has_text=question).first.wait_for()


def main() -> None:
    """Run the command line."""
    target, *photographs = map(Path, sys.argv[1:])
    with open_output(target, photographs) as output:
        write(output.partial, photographs)
        output.worth_keeping = True
    sys.stdout.write(f"{target}: {target.stat().st_size / 1e3:.0f} kB\n")


def write(target: Path, photographs: list[Path]) -> None:
    """Write the picture to `target`."""
    with tempfile.TemporaryDirectory() as scratch, service() as running:
        folder = Path(scratch)
        slides = slides_file(folder, photographs, seconds=SHOWN)
        microphone = microphone_file(folder, lead=SPOKEN_END)
        with chromium(Devices(slides, microphone, repeat=True)) as browser:
            size = {"width": WIDTH, "height": HEIGHT}
            page, _ = new_page(browser, allowed=True, viewport=size)
            page.goto(running.url)
            page.locator("[data-part=start]:enabled").wait_for()
            talk(page)
            shown = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    shown.save(target, format="webp", quality=QUALITY, method=6)


if __name__ == "__main__":
    main()

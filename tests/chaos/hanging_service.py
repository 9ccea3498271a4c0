"""The service with a recognizer that hangs for ever at its first sound, and prints `hangs`.

Run by test_hangs.py: `python -m tests.chaos.hanging_service`.
"""

import sys
import threading
from contextlib import nullcontext
from unittest.mock import patch

from tests.chaos.failing import Failing
from tests.web.served import CountingRecognizer, scripted_models
from web.config import Settings
from web.serve import serve


def hang() -> None:
    sys.stdout.write("hangs\n")
    sys.stdout.flush()
    threading.Event().wait()


def main() -> int:
    recognizer = Failing(CountingRecognizer(), "step", hang)
    settings = Settings(port=0, warm_up=False, hang_timeout=0)
    with (
        patch("web.serve.load_models", lambda _: scripted_models(recognizer)),  # type: ignore[arg-type]
        patch("web.serve.rendering", lambda: nullcontext(lambda: None)),
    ):
        return serve(settings, banner="{url}\n")


if __name__ == "__main__":
    sys.exit(main())

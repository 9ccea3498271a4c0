"""Gradio's frame of the page, rendered once by a process of its own.

Gradio and what it imports take 50 MB and seconds, and its frame is always the same but for the
service's URL. So the server asks for it when it starts, and loads its models meanwhile.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from web.errors import PageError
from web.page.client_files import STATIC

TITLE = "eyeline"
ROOT = "http://eyeline.invalid"  # the service's URL in the frame, until a request names it
MAIN = (
    "import json, sys; sys.path[:] = json.load(sys.stdin); from web.page.frame import main; main()"
)
LAST = 500  # characters of what the process printed, in an error

# Relative to the page, so that the service also works below a path of a proxy.
HEAD = '<link rel="stylesheet" href="static/page.css">'
START = 'import(new URL("static/page.js", document.baseURI)).then((page) => page.mount(element));'
# Gradio's own frame: no padding, no loading border, and the page's paper up to the edges.
CSS = """
body, gradio-app, .gradio-container { background: #f6f6f4 !important; }
body.dark, .dark gradio-app, .dark .gradio-container { background: #101214 !important; }
.gradio-container, .gradio-container > .main, .gradio-container .wrap { padding: 0 !important; }
.gradio-container .html-container { padding: 0 !important; }
.gradio-container { max-width: none !important; overflow: visible !important; }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradioFrame:
    """The frame's HTML, with `ROOT` for the service's URL, and its style sheet.

    `files` is the folder of the scripts that it loads.
    """

    html: str
    theme: str
    files: str


@contextmanager
def rendering() -> Iterator[Callable[[], GradioFrame]]:
    """Start to render the frame; the function waits for it, and raises PageError without one."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(sys.path))
    process.stdin.close()
    process.stdin = None  # `communicate` would flush it

    def rendered() -> GradioFrame:
        printed, errors = process.communicate()
        if process.returncode != 0:
            raise PageError(f"Gradio could not render the page: {errors.strip()[-LAST:]}")
        return GradioFrame(**json.loads(printed))

    with process:
        try:
            yield rendered
        finally:
            process.kill()


def main() -> None:
    """Print the frame as JSON."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no answer
    with os.fdopen(answers, "w") as out:
        json.dump(asdict(asyncio.run(_render())), out)


async def _render() -> GradioFrame:
    import gradio as gr
    from fastapi import FastAPI

    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        gr.HTML(
            html_template=(STATIC / "page.html").read_text(encoding="utf-8"),
            js_on_load=START,
            apply_default_css=False,
        )
    app = gr.mount_gradio_app(
        FastAPI(),
        page,
        path="/",
        theme=gr.themes.Base(font="system-ui", font_mono="ui-monospace"),
        css=CSS,
        head=HEAD,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
        show_error=False,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=ROOT) as client:
        html, theme = [
            (await client.get(path)).raise_for_status().text for path in ("/", "/theme.css")
        ]
    return GradioFrame(
        html=html, theme=theme, files=str(Path(gr.__file__).parent / "templates" / "frontend")
    )


if __name__ == "__main__":
    main()

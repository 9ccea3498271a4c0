"""The demo page: Gradio at "/", a client of the same endpoints as any other page.

Gradio serves the frame and nothing more: the markup is static/page.html, what it does is
static/page.js, and sound, picture and captions never pass through Gradio.
"""

import asyncio
from pathlib import Path

from fastapi import FastAPI
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"
TITLE = "eyeline"

# Relative to the page, so that the service also works below a path of a proxy.
HEAD = '<link rel="stylesheet" href="static/page.css">'
START = 'import(new URL("static/page.js", document.baseURI)).then((page) => page.mount(element));'
# Gradio's own frame: no padding, no loading border, and the page's paper up to the edges.
FRAME = """
body, gradio-app, .gradio-container { background: #f6f6f4 !important; }
body.dark, .dark gradio-app, .dark .gradio-container { background: #101214 !important; }
.gradio-container, .gradio-container > .main, .gradio-container .wrap { padding: 0 !important; }
.gradio-container .html-container { padding: 0 !important; }
.gradio-container { max-width: none !important; overflow: visible !important; }
"""


def mount(app: FastAPI) -> FastAPI:
    """Return `app` with the page at "/"; routes that `app` has already keep their paths.

    Mount it last: it takes every path that is left.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # Where no loop runs, Gradio opens some for its locks and never closes them.
        return asyncio.run(_mount_in_loop(app))
    return _mount(app)


async def _mount_in_loop(app: FastAPI) -> FastAPI:
    return _mount(app)


def _mount(app: FastAPI) -> FastAPI:
    import gradio as gr  # takes seconds: only a server pays for it

    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        gr.HTML(
            html_template=(STATIC / "page.html").read_text(encoding="utf-8"),
            js_on_load=START,
            apply_default_css=False,
        )
    # Gradio's frame loads one script from static/js: ours would hide it.
    scripts = Path(gr.__file__).parent / "templates" / "frontend" / "static" / "js"
    app.router.routes.insert(0, Mount("/static/js", StaticFiles(directory=scripts)))
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=gr.themes.Base(font="system-ui", font_mono="ui-monospace"),
        css=FRAME,
        head=HEAD,
        favicon_path=str(STATIC / "icon.svg"),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
        show_error=False,
    )
    return mounted

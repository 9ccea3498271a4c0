"""The demo page: Gradio at "/", a client of the same endpoints as any other page.

Gradio renders the frame and nothing more: the markup is static/page.html, what it does is
static/page.js, and sound, picture and captions never pass through Gradio. Its application is not
mounted, because its routes for uploads, queues and files need no key: it answers requests for the
frame and its style sheet, and the rest of what the page loads are files.
"""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import httpx
from fastapi import FastAPI, Request
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"
TITLE = "eyeline"
DESCRIPTION = (
    "Real-time AI video chat on this server: it captions speech, remembers what the camera shows, "
    "answers questions about it, and generates video."
)

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
# What Gradio's template has for link previews, which names Gradio, and an app manifest.
FOREIGN_TAGS = re.compile(
    r'<meta\s+(?:property="og:|name="twitter:)[^>]*>|<link\s+rel="manifest"[^>]*>'
)
OWN_TAGS = f"""<title>{TITLE}</title>
<meta name="description" content="{DESCRIPTION}" />
<meta property="og:type" content="website" />
<meta property="og:title" content="{TITLE}" />
<meta property="og:description" content="{DESCRIPTION}" />
<meta name="twitter:card" content="summary" />
<link rel="icon" href="static/icon.svg" type="image/svg+xml" />
"""
FORWARDED = ("x-forwarded-host", "x-forwarded-proto")  # the page's address behind a proxy


def add_routes(app: FastAPI, origins: Sequence[str]) -> None:
    """Add the page and what it loads to `app`; pages of `origins` may have it in a frame.

    Others could make a user click on it.
    """
    framing = " ".join(["frame-ancestors 'self'", *origins])
    frame = httpx.ASGITransport(app=_frame())

    async def page(request: Request) -> Response:
        answer = await _ask(frame, request)
        headers = {"Content-Security-Policy": framing}
        html = own_head(answer.text)
        return Response(html, answer.status_code, headers, media_type="text/html")

    async def theme(request: Request) -> Response:
        answer = await _ask(frame, request)
        return Response(answer.text, answer.status_code, media_type="text/css")

    async def icon(_: Request) -> Response:
        return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml")

    frontend = _frontend()
    # Gradio's frame loads one script from static/js: ours would hide it.
    scripts = Mount("/static/js", StaticFiles(directory=frontend / "static" / "js"))
    app.router.routes.insert(0, scripts)
    assets = StaticFiles(directory=frontend / "assets")
    app.mount("/assets", GZipMiddleware(assets))
    for path, endpoint in (("/", page), ("/theme.css", theme), ("/favicon.ico", icon)):
        app.router.routes.append(Route(path, endpoint))


def own_head(html: str) -> str:
    """Return Gradio's page with the title, description and icon of this service."""
    kept = FOREIGN_TAGS.sub("", html)
    return re.sub(
        r"(<meta\s+charset=[^>]*>)", lambda found: f"{found[1]}\n{OWN_TAGS}", kept, count=1
    )


async def _ask(frame: httpx.ASGITransport, request: Request) -> httpx.Response:
    """Return what Gradio's application answers to `request`, without its query."""
    url = request.url.replace(query="", fragment="")
    headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
    answer = await frame.handle_async_request(httpx.Request("GET", str(url), headers=headers))
    await answer.aread()
    return answer


def _frame() -> FastAPI:
    """Return Gradio's application, which only this module asks."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # Where no loop runs, Gradio opens some for its locks and never closes them.
        return asyncio.run(_frame_in_loop())
    return _make_frame()


async def _frame_in_loop() -> FastAPI:
    return _make_frame()


def _frontend() -> Path:
    import gradio as gr

    return Path(gr.__file__).parent / "templates" / "frontend"


def _make_frame() -> FastAPI:
    import gradio as gr  # takes seconds: only a server pays for it

    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
        gr.HTML(
            html_template=(STATIC / "page.html").read_text(encoding="utf-8"),
            js_on_load=START,
            apply_default_css=False,
        )
    mounted: FastAPI = gr.mount_gradio_app(
        FastAPI(),
        page,
        path="/",
        theme=gr.themes.Base(font="system-ui", font_mono="ui-monospace"),
        css=FRAME,
        head=HEAD,
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
        show_error=False,
    )
    return mounted

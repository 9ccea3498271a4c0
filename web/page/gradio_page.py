"""The demo page: Gradio at "/", a client of the same endpoints as any other page.

Gradio renders the frame and nothing more: the markup is static/page.html, what it does is
static/page.js, and sound, picture and captions never pass through Gradio. Its application is not
mounted, because its routes for uploads, queues and files need no key: this module serves the frame
and its style sheet, which `frame` had rendered, and the rest of what the page loads are files.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from web.access.client_address import FROM_PROXY
from web.page.client_files import STATIC
from web.page.frame import ROOT, TITLE, GradioFrame

DESCRIPTION = (
    "Real-time AI video chat on this server: it captions speech, remembers what the camera shows, "
    "answers questions about it, and generates video."
)
# What Gradio's template has for link previews, which names Gradio, and an app manifest.
FOREIGN_TAGS = re.compile(
    r'<meta\s+(?:property="og:|name="twitter:)[^>]*>|<link\s+rel="manifest"[^>]*>'
)
HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")  # a name or address, perhaps with a port
OWN_TAGS = f"""<title>{TITLE}</title>
<meta name="description" content="{DESCRIPTION}" />
<meta property="og:type" content="website" />
<meta property="og:title" content="{TITLE}" />
<meta property="og:description" content="{DESCRIPTION}" />
<meta name="twitter:card" content="summary" />
<link rel="icon" href="static/icon.svg" type="image/svg+xml" />
"""


def add_routes(app: FastAPI, frame: GradioFrame, origins: Sequence[str]) -> None:
    """Add the page and what it loads to `app`; pages of `origins` may have it in a frame.

    Others could make a user click on it.
    """
    framing = " ".join(["frame-ancestors 'self'", *origins])
    html = own_head(frame.html)

    async def page(request: Request) -> Response:
        # What a request says of the host is in the page: no cache may give it to others.
        headers = {"Content-Security-Policy": framing, "Cache-Control": "private, no-cache"}
        shown = html.replace(ROOT, root_url(request))
        return Response(shown, headers=headers, media_type="text/html")

    async def theme(_: Request) -> Response:
        return Response(frame.theme, media_type="text/css")

    async def icon(_: Request) -> Response:
        return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml")

    files = Path(frame.files)
    # Gradio's frame loads one script from static/js: ours would hide it.
    scripts = Mount("/static/js", StaticFiles(directory=files / "static" / "js"))
    app.router.routes.insert(0, scripts)
    app.mount("/assets", GZipMiddleware(StaticFiles(directory=files / "assets")))
    for path, endpoint in (("/", page), ("/theme.css", theme), ("/favicon.ico", icon)):
        app.router.routes.append(Route(path, endpoint))


def own_head(html: str) -> str:
    """Return Gradio's page with the title, description and icon of this service."""
    kept = FOREIGN_TAGS.sub("", html)
    return re.sub(
        r"(<meta\s+charset=[^>]*>)", lambda found: f"{found[1]}\n{OWN_TAGS}", kept, count=1
    )


def root_url(request: Request) -> str:
    """Return the URL of the service as the browser knows it; behind a proxy, what that says.

    What is no host is ignored, as a script of the page has the URL in quotation marks.
    """
    proxied = request.scope["state"][FROM_PROXY]
    host, scheme = (
        request.headers.get(f"x-forwarded-{name}", "").partition(",")[0].strip() if proxied else ""
        for name in ("host", "proto")
    )
    own = "http" if host else request.url.scheme
    hosts = (host, request.url.netloc, "localhost")
    named = next(each for each in hosts if HOST.fullmatch(each))
    return f"{'https' if scheme == 'https' else own}://{named}"

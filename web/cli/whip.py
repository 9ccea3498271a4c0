"""The HTTP side of a WHIP client: posts an offer, and ends the session. Source: RFC 9725."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import httpx

from rtc.ice_servers import IceServer
from web.errors import UsageError

SDP = "application/sdp"
TIMEOUT = 30.0  # seconds for one request
SCHEMES = ("http", "https")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where to publish, with which key, and how to check the certificate of the service."""

    url: httpx.URL
    key: str | None = None
    authority: Path | None = None
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """A session of the service: its answer, and where it is ended."""

    answer: str
    location: str


def endpoint_url(text: str) -> httpx.URL:
    """Return the URL to post offers to; a URL without a path is that of an eyeline service.

    Raises:
        UsageError: `text` is no HTTP URL.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise UsageError(f"--to {text}: {error}") from error
    if url.scheme not in SCHEMES or not url.host:
        raise UsageError(f"--to {text}: expected a URL such as http://localhost:7860")
    if url.path in ("", "/"):
        url = url.copy_with(path="/whip")
    return url.copy_merge_params({"eyeline": "1"})


class WhipClient:
    """Requests to one endpoint; an asynchronous context."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        headers = {} if endpoint.key is None else {"Authorization": f"Bearer {endpoint.key}"}
        verify = False if endpoint.insecure else tls_context(endpoint.authority)
        self._http = httpx.AsyncClient(headers=headers, verify=verify, timeout=TIMEOUT)

    async def __aenter__(self) -> "WhipClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def ice_servers(self) -> Sequence[IceServer]:
        """Return the STUN and TURN servers that an eyeline service offers; none of another."""
        try:
            response = await self._request(
                "GET", str(self._endpoint.url.copy_with(path="/ice-servers", query=None))
            )
            servers = response.json()["iceServers"] if response.status_code == 200 else []
            return [
                IceServer(tuple(each["urls"]), each.get("username"), each.get("credential"))
                for each in servers
            ]
        except (ValueError, KeyError, TypeError):
            return []

    async def start(self, offer: str) -> Session:
        """Post `offer`, and return the session.

        Raises:
            UsageError: the service cannot be reached, or refuses; the message says what to do.
        """
        url = str(self._endpoint.url)
        response = await self._request("POST", url, content=offer, headers={"Content-Type": SDP})
        if response.status_code != 201:
            raise UsageError(_refusal(response, url, key=self._endpoint.key is not None))
        location = response.headers.get("location", "")
        return Session(response.text, urljoin(str(response.url), location) if location else "")

    async def end(self, session: Session) -> None:
        """End `session`; the service ends it by itself if this fails."""
        if session.location:
            try:
                await self._request("DELETE", session.location)
            except UsageError:
                return

    async def _request(
        self,
        method: str,
        url: str,
        *,
        content: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        try:
            return await self._http.request(method, url, content=content, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UsageError(_unreachable(url, error)) from error


def tls_context(authority: Path | None) -> ssl.SSLContext:
    """Return how certificates are checked: by the system's authorities, or by the file's.

    Raises:
        UsageError: the file has no certificates.
    """
    try:
        return ssl.create_default_context(cafile=None if authority is None else str(authority))
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"--ca {authority}: no certificates in PEM: {error}") from error


def _unreachable(url: str, error: Exception) -> str:
    whole = httpx.URL(url)
    host, place = whole.host, f"{whole.scheme}://{whole.netloc.decode()}"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return (
            f"{host}: its certificate is not trusted ({error}): give its authority with --ca, or "
            "--insecure on a network that you trust"
        )
    reason = str(error) or type(error).__name__
    return f"{place}: no answer ({reason}): is the service running there?"


def _refusal(response: httpx.Response, url: str, *, key: bool) -> str:
    status = response.status_code
    if status in (401, 403) and not key:
        return f"{url}: the service needs a key: give --key, or set EYELINE_API_KEY"
    if status in (401, 403):
        return f"{url}: the service does not accept this key, or this host: {_detail(response)}"
    if status in (404, 405):
        return f"{url}: there is no WHIP endpoint (HTTP {status})"
    return f"{url}: HTTP {status}: {_detail(response)}"


def _detail(response: httpx.Response) -> str:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = response.reason_phrase
    return str(detail)[:300]

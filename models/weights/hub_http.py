"""The two requests to a model hub: list a repository, and download a file.

huggingface_hub is installed but not used: it restarts a broken download, verifies no SHA-256
after a download over HTTP, and contacts the public hub even if another one is configured.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import httpx

from models.errors import WeightsError

TIMEOUT = 30.0  # seconds without a byte until a connection counts as broken
ATTEMPTS = 5  # broken connections in a row without a byte before giving up
UNAUTHORISED, FORBIDDEN, MISSING, PARTIAL, BAD_RANGE = 401, 403, 404, 206, 416  # RFC 9110

Refuse = Callable[[httpx.Response, str], NoReturn]
GATED = "GatedRepo"  # a hub's X-Error-Code if the licence was not accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A hub: its URL without a trailing slash, and the user's token, if any."""

    url: str
    token: str | None = field(default=None, repr=False)


@contextmanager
def open_client(hub: Hub) -> Iterator[httpx.Client]:
    """Open a client of `hub`; its token is not sent to other hosts on redirects.

    Raises:
        WeightsError: anything on the network fails; the message says what to do.
    """
    headers = {"Accept-Encoding": "identity", "User-Agent": "eyeline"}  # sizes as they are stored
    if hub.token:
        headers["Authorization"] = f"Bearer {hub.token}"
    try:
        with httpx.Client(headers=headers, timeout=TIMEOUT, follow_redirects=True) as client:
            yield client
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        reason = str(error) or type(error).__name__
        raise WeightsError(
            f"{hub.url}: could not be reached ({reason}). Are you online? "
            "What was downloaded so far is kept; the same command resumes. Behind a proxy "
            "set HTTPS_PROXY, for another hub EYELINE_HUB; for a machine without a network copy "
            "the weights folder from one with a network"
        ) from error


def get_json(client: httpx.Client, url: str, what: str) -> dict[str, Any]:
    """Return the JSON object at `url`; `what` names it in errors.

    Raises:
        WeightsError: there is none, or access is refused.
        httpx.HTTPError: the connection broke.
    """
    response = client.get(url, params={"blobs": "true"})
    if not response.is_success:
        raise_refused(response, what)
    try:
        answer = response.json()
    except json.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        raise WeightsError(f"{url}: answered with no JSON object: is EYELINE_HUB a model hub?")
    return answer


def download(
    client: httpx.Client,
    url: str,
    part: Path,
    size: int,
    progress: Callable[[int], None],
    *,
    refuse: Refuse | None = None,
) -> None:
    """Download `url` to `part`, a file of `size` bytes; resume what it holds.

    `progress` gets the size of `part`. Broken connections are retried. `refuse` raises the error
    for a refused request, given the response and `url`; the default is `raise_refused`.

    Raises:
        WeightsError: the file is missing, refused, or longer than `size`.
        httpx.HTTPError: the connection broke repeatedly, or cannot be made.
        OSError: the disk is full, or cannot be written to.
    """
    fruitless = 0
    with part.open("ab") as out:
        while (before := out.tell()) < size:
            try:
                _download_rest(client, url, out, size, progress, refuse or raise_refused)
                broken: httpx.TransportError | None = None
            except httpx.TransportError as error:
                broken = error
            fruitless = 0 if out.tell() > before else fruitless + 1
            if fruitless == ATTEMPTS:
                raise broken or httpx.RemoteProtocolError(f"{url} ends after {before} bytes")
    if part.stat().st_size > size:
        part.unlink()
        raise WeightsError(f"{url}: is longer than the {size} bytes that were expected; try again")


def _download_rest(
    client: httpx.Client,
    url: str,
    out: BinaryIO,
    size: int,
    progress: Callable[[int], None],
    refuse: Refuse,
) -> None:
    start = out.tell()
    headers = {"Range": f"bytes={start}-"} if start else {}
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == BAD_RANGE or (start and not _resumes(response, start)):
            out.truncate(start := 0)
            out.seek(0)
        if response.status_code == BAD_RANGE:
            return
        if not response.is_success:
            response.read()
            refuse(response, url)
        for block in response.iter_raw():  # unbuffered: what arrived before a break is kept
            out.write(block)
            progress(out.tell())
            if out.tell() > size:
                return


def _resumes(response: httpx.Response, start: int) -> bool:
    """Return whether the response begins at byte `start`; error responses have no content."""
    if not response.is_success:
        return True
    given = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return response.status_code == PARTIAL and given is not None and int(given[1]) == start


def raise_refused(response: httpx.Response, what: str) -> NoReturn:
    """Raise the error for a refused request, with what to do.

    Raises:
        WeightsError: always.
    """
    status, code = response.status_code, response.headers.get("X-Error-Code", "")
    if code == GATED:
        raise WeightsError(
            f"{what}: its licence must be accepted first ({status}): do so on the model's page, "
            "signed in, then set EYELINE_HUB_TOKEN to a token of that account"
        )
    if status in (UNAUTHORISED, FORBIDDEN):
        raise WeightsError(
            f"{what}: the hub refuses it ({status}): it is private, or the token is not valid; "
            "set EYELINE_HUB_TOKEN to a token that may read it"
        )
    if status == MISSING:
        raise WeightsError(f"{what}: the hub does not have it (404); check --revision, EYELINE_HUB")
    raise WeightsError(f"{what}: the hub answered {status}; try again later")

"""SDP fragments of trickle ICE: candidates that come late, or credentials for an ICE restart.

Source: RFC 8840, section 9 (application/trickle-ice-sdpfrag), as RFC 9725 uses it in section 4.3.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from aioice import Candidate
from aiortc.rtcicetransport import candidate_to_aioice
from aiortc.sdp import candidate_from_sdp

from rtc.errors import BadOfferError
from rtc.negotiation.offer import BUNDLE, MALFORMED, OfferLimits
from rtc.negotiation.transports import ICE_PASSWORD, ICE_USERNAME

UFRAG, PWD, CANDIDATE, MID = "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=mid:"
PLAIN = re.compile(r"[ -~]{1,200}")


@dataclass(frozen=True, slots=True)
class Fragment:
    """The credentials and candidates of a client; `frame` names its sections, for an answer."""

    username: str
    password: str
    candidates: tuple[Candidate, ...]
    frame: tuple[str, ...]


def read_fragment(text: str, limits: OfferLimits) -> Fragment:
    """Return the fragment in `text`; all sections share one transport (RFC 9725, section 4.4.2).

    Raises:
        BadOfferError: it is not one, or is over the limits.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [line for line in lines if line.startswith(CANDIDATE)]
    size = len(text.encode(errors="replace"))
    if size > limits.size or len(lines) > limits.lines or len(found) > limits.candidates:
        raise BadOfferError(
            f"the fragment is too large: at most {limits.size} bytes, {limits.lines} lines and"
            f" {limits.candidates} candidates are read"
        )
    username, password = _first(lines, UFRAG), _first(lines, PWD)
    if not (ICE_USERNAME.fullmatch(username) and ICE_PASSWORD.fullmatch(password)):
        raise BadOfferError("the fragment has no valid a=ice-ufrag and a=ice-pwd")
    candidates = [_candidate(line) for line in dict.fromkeys(found)]
    usable = tuple(each for each in candidates if each is not None)
    heads = [next((line for line in lines if line.startswith(h)), "") for h in (BUNDLE, "m=", MID)]
    return Fragment(username, password, usable, tuple(h for h in heads if PLAIN.fullmatch(h)))


def write_fragment(
    frame: Sequence[str], username: str, password: str, candidates: Sequence[Candidate]
) -> str:
    """Return our credentials and candidates, which are complete."""
    lines = [
        *frame,
        f"{UFRAG}{username}",
        f"{PWD}{password}",
        *(f"{CANDIDATE}{candidate.to_sdp()}" for candidate in candidates),
        "a=end-of-candidates",
    ]
    return "".join(f"{line}\r\n" for line in lines)


def _first(lines: Sequence[str], prefix: str) -> str:
    return next((line.removeprefix(prefix) for line in lines if line.startswith(prefix)), "")


def _candidate(line: str) -> Candidate | None:
    """Return a candidate, None if it is of no use here: RTCP's own, over TCP, or an mDNS name."""
    try:
        found = candidate_to_aioice(candidate_from_sdp(line.removeprefix(CANDIDATE)))
    except MALFORMED as error:
        raise BadOfferError("the fragment has a malformed a=candidate") from error
    if not (0 <= found.port < 65536 and 0 <= found.priority < 2**32):
        raise BadOfferError("the fragment has a candidate with a port or priority too large")
    useless = found.component != 1 or found.transport.lower() != "udp"
    return None if useless or found.host.endswith(".local") else found

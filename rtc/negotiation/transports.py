"""The attributes of a section's transport: ICE, DTLS and RTCP multiplexing.

They may stand in the session, and in a bundle in one section for all: RFC 9143, section 7.
"""

import re
from collections.abc import Mapping, Sequence

ICE_USERNAME = re.compile(r"[!-~]{4,256}")  # RFC 8839, section 5.4
ICE_PASSWORD = re.compile(r"[!-~]{22,256}")
FINGERPRINT = re.compile(r"a=fingerprint:(\S+) [0-9A-Fa-f:]{2,256}")
HASHES = ("sha-256", "sha-384", "sha-512")  # those that aiortc can check
ROLES = ("actpass", "active", "passive")
SINGLE = ("ice-ufrag", "ice-pwd", "ice-options", "setup")
MUX = "a=rtcp-mux"

Lines = Sequence[str]


def transport_lines(section: Lines, session: Lines) -> list[str]:
    """Return the attributes of a section's transport; its own replace the session's."""
    found = [line for line in section if line == MUX or line.startswith("a=candidate:")]
    for name in SINGLE:
        prefix = f"a={name}:"
        lines = [line for line in (*session, *section) if line.startswith(prefix)]
        found += lines[-1:]
    own, inherited = _fingerprints(section), _fingerprints(session)
    return found + (own or inherited)


def bundled(transports: Mapping[str, Lines], group: Sequence[str]) -> dict[str, list[str]]:
    """Return `transports`, with those of the sections in `group` replaced by that of the first.

    The first is the first that has one. Keys are the sections' identifiers.
    """
    members = [mid for mid in group if mid in transports]
    tagged = next((mid for mid in members if _value(transports[mid], "ice-ufrag")), None)
    shared = list(transports[tagged]) if tagged is not None else []
    plain = [line for line in shared if line != MUX]
    result = {mid: list(lines) for mid, lines in transports.items()}
    for mid in members:
        if tagged is not None:
            multiplexed = MUX in shared or MUX in transports[mid]
            result[mid] = [*plain, MUX] if multiplexed else plain
    return result


def complaint(kind: str, transport: Lines) -> str:
    """Return why a section with this transport cannot be used, empty if it can."""
    if _value(transport, "setup") not in ROLES:
        return "has no a=setup: expected actpass, active or passive"
    hashes = [found[1].lower() for line in transport if (found := FINGERPRINT.fullmatch(line))]
    if not any(each in HASHES for each in hashes):
        return f"has no a=fingerprint with one of {', '.join(HASHES)}"
    if not ICE_USERNAME.fullmatch(_value(transport, "ice-ufrag")):
        return "has no valid a=ice-ufrag: expected 4 to 256 characters"
    if not ICE_PASSWORD.fullmatch(_value(transport, "ice-pwd")):
        return "has no valid a=ice-pwd: expected 22 to 256 characters"
    if kind != "application" and MUX not in transport:
        return "has no a=rtcp-mux, which is required"
    return ""


def _fingerprints(lines: Lines) -> list[str]:
    return [line for line in lines if FINGERPRINT.fullmatch(line)]


def _value(transport: Lines, name: str) -> str:
    prefix = f"a={name}:"
    return next((line.removeprefix(prefix) for line in transport if line.startswith(prefix)), "")

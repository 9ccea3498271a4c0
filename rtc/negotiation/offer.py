"""Reads and validates an SDP offer.

aiortc does not validate offers. It fails on a bad one in many ways, some of them in a background
task after the answer was sent. So everything that it relies on is checked here, and the text is
normalized to the form that it reads correctly: see `_normalized`.
"""

import re
from dataclasses import dataclass
from itertools import chain

from aiortc.sdp import DIRECTIONS, MediaDescription, SessionDescription

from rtc.errors import BadOfferError

KINDS = ("audio", "video", "application")
ICE_USERNAME = re.compile(r"[!-~]{4,256}")  # RFC 8839, section 5.4
ICE_PASSWORD = re.compile(r"[!-~]{22,256}")
HASHES = ("sha-256", "sha-384", "sha-512")  # those that aiortc can check
MALFORMED = (AssertionError, AttributeError, LookupError, StopIteration, TypeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferLimits:
    """Limits of an offer: `size` in bytes, media `sections`, and ICE `candidates` in total."""

    size: int = 65_536
    sections: int = 8
    candidates: int = 128


@dataclass(frozen=True, slots=True)
class Section:
    """One media section; `direction` is as the client sees it."""

    kind: str
    mid: str
    direction: str

    @property
    def sends(self) -> bool:
        return self.direction in ("sendrecv", "sendonly")

    @property
    def receives(self) -> bool:
        return self.direction in ("sendrecv", "recvonly")


@dataclass(frozen=True, slots=True)
class Offer:
    """A validated offer; `text` is the normalized SDP for aiortc."""

    text: str
    sections: tuple[Section, ...]

    def sending(self, kind: str) -> Section | None:
        """Return the section on which `kind` is received: the first that offers it."""
        return next((s for s in self.sections if s.kind == kind and s.sends), None)

    def receiving(self, kind: str) -> Section | None:
        """Return the section on which `kind` is sent: the first that asks for it."""
        return next((s for s in self.sections if s.kind == kind and s.receives), None)

    @property
    def has_messages(self) -> bool:
        return any(section.kind == "application" for section in self.sections)


def read_offer(text: str, limits: OfferLimits) -> Offer:
    """Return the offer in `text`.

    Raises:
        BadOfferError: it is not an SDP offer for WebRTC, or is over the limits.
    """
    session, sections = _split(text, limits)
    tidied = chain(session, *(_normalized(section, session) for section in sections))
    clean = "".join(f"{line}\r\n" for line in tidied)
    try:
        description = SessionDescription.parse(clean)
    except MALFORMED as error:
        raise BadOfferError(f"the offer is not valid SDP: {_reason(error)}") from error
    for media in description.media:
        _check_transport(media)
        _check_media(media)
    _check_bundle(description)
    return Offer(clean, tuple(_section(media) for media in description.media))


def _split(text: str, limits: OfferLimits) -> tuple[list[str], list[list[str]]]:
    """Return the lines of the session and of each media section, and check the limits."""
    size = len(text.encode(errors="replace"))
    if size > limits.size:
        raise BadOfferError(f"the offer has {size} bytes; at most {limits.size} are read")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or lines[0] != "v=0":
        raise BadOfferError("the offer is not SDP: expected its first line to be v=0")
    starts = [index for index, line in enumerate(lines) if line.startswith("m=")]
    if not starts:
        raise BadOfferError("the offer has no media section: expected audio, video or application")
    if len(starts) > limits.sections:
        raise BadOfferError(
            f"the offer has {len(starts)} media sections; at most {limits.sections} are answered"
        )
    candidates = sum(line.startswith("a=candidate:") for line in lines)
    if candidates > limits.candidates:
        raise BadOfferError(
            f"the offer has {candidates} ICE candidates; at most {limits.candidates} are read"
        )
    ends = [*starts[1:], len(lines)]
    sections = [lines[start:end] for start, end in zip(starts, ends, strict=True)]
    return lines[: starts[0]], sections


def _normalized(section: list[str], session: list[str]) -> list[str]:
    """Return the lines of a media section in the form that aiortc reads correctly.

    - Codecs are in the order of preference of the m= line, with retransmission last: aiortc uses
      the order of the rtpmap lines.
    - A direction is always present: aiortc knows neither the session's nor the default.
    - `end-of-candidates` is removed: with it, aioice fails at once if no candidate is usable,
      although the client may still reach us from an address that is learned then.
    - mDNS candidates are removed for the same reason: resolving one from another network takes a
      second and a multicast socket. So are second components, as RTCP is multiplexed.
    """
    lines = [line for line in section if not _is_unwanted(line)]
    if not any(line[2:] in DIRECTIONS for line in lines):
        directions = [line for line in session if line[2:] in DIRECTIONS]
        lines.append(directions[0] if directions else "a=sendrecv")
    preference = {format_id: rank for rank, format_id in enumerate(lines[0].split()[3:])}

    def rank(rtpmap: str) -> tuple[bool, int]:
        format_id, _, codec = rtpmap.removeprefix("a=rtpmap:").partition(" ")
        return codec.lower().startswith("rtx/"), preference.get(format_id, len(preference))

    codecs = sorted((line for line in lines if line.startswith("a=rtpmap:")), key=rank)
    others = [line for line in lines if not line.startswith("a=rtpmap:")]
    return [*others, *codecs]


def _is_unwanted(line: str) -> bool:
    if line == "a=end-of-candidates":
        return True
    if not line.startswith("a=candidate:"):
        return False
    fields = line.split()
    return len(fields) > 4 and (fields[1] != "1" or fields[4].endswith(".local"))


def _section(media: MediaDescription) -> Section:
    return Section(media.kind, media.rtp.muxId, media.direction or "sendrecv")


def _check_transport(media: MediaDescription) -> None:
    """Check the attributes for ICE and DTLS."""
    where = f"the {media.kind} section of the offer"
    if media.dtls is None or media.dtls.role not in ("auto", "client", "server"):
        raise BadOfferError(f"{where} has no a=setup: expected actpass, active or passive")
    if not any(entry.algorithm.lower() in HASHES for entry in media.dtls.fingerprints):
        raise BadOfferError(f"{where} has no a=fingerprint with one of {', '.join(HASHES)}")
    username, password = (media.ice.usernameFragment, media.ice.password) if media.ice else ("", "")
    if not ICE_USERNAME.fullmatch(username or ""):
        raise BadOfferError(f"{where} has no valid a=ice-ufrag: expected 4 to 256 characters")
    if not ICE_PASSWORD.fullmatch(password or ""):
        raise BadOfferError(f"{where} has no valid a=ice-pwd: expected 22 to 256 characters")
    for candidate in media.ice_candidates:
        if not (0 <= candidate.port < 65536 and 0 <= candidate.priority < 2**32):
            raise BadOfferError(f"{where} has an ICE candidate with a port or priority too large")


def _check_media(media: MediaDescription) -> None:
    """Check the attributes for RTP and SCTP."""
    where = f"the {media.kind} section of the offer"
    if media.kind not in KINDS:
        raise BadOfferError(f"{where} cannot be answered: expected audio, video or application")
    if media.kind == "application":
        _check_sctp(media)
        return
    if not media.rtcp_mux:
        raise BadOfferError(f"{where} has no a=rtcp-mux, which is required")
    if any(not 0 <= (codec.payloadType or 0) < 128 for codec in media.rtp.codecs):
        raise BadOfferError(f"{where} has a payload type outside 0 to 127")
    if any(not 1 <= (extension.id or 0) < 256 for extension in media.rtp.headerExtensions):
        raise BadOfferError(f"{where} has an a=extmap outside 1 to 255")
    if any(not 0 <= source.ssrc < 2**32 for source in media.ssrc):
        raise BadOfferError(f"{where} has an a=ssrc outside 0 to 4294967295")


def _check_sctp(media: MediaDescription) -> None:
    where = "the application section of the offer"
    if media.profile == "DTLS/SCTP":
        port = int(media.fmt[0]) if str(media.fmt[0]).isdecimal() else None
    else:
        port = media.sctp_port
    if port is None or not 0 < port < 65536:
        raise BadOfferError(f"{where} has no a=sctp-port from 1 to 65535")
    if media.sctpCapabilities is not None and media.sctpCapabilities.maxMessageSize < 0:
        raise BadOfferError(f"{where} has a negative a=max-message-size")


def _check_bundle(description: SessionDescription) -> None:
    """Check that mids are unique, and that a bundle names only existing sections."""
    mids = [media.rtp.muxId for media in description.media]
    if len(mids) > 1 and ("" in mids or len(set(mids)) < len(mids)):
        raise BadOfferError("the media sections of the offer need an a=mid each, all different")
    if sum(media.kind == "application" for media in description.media) > 1:
        raise BadOfferError("the offer has more than one application section")
    for group in description.group:
        unknown = [str(mid) for mid in group.items if mid not in mids]
        if group.semantic == "BUNDLE" and unknown:
            raise BadOfferError(f"the offer bundles sections that it lacks: {' '.join(unknown)}")


def _reason(error: Exception) -> str:
    """Describe a parser's error in one line; many have no message."""
    return f"{type(error).__name__} {error}".strip()[:200]

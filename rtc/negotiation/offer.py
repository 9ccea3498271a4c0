"""Reads and validates an SDP offer.

aiortc does not validate offers. It fails on a bad one in many ways, some of them in a background
task after the answer was sent, and it refuses a whole offer for one section that it cannot meet.
So everything that it relies on is checked here, and it is given the sections that can be met, in
the form that it reads correctly. What cannot be met is refused by itself, as RFC 3264 asks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count

from aiortc.sdp import SessionDescription

from rtc.errors import BadOfferError
from rtc.negotiation.sections import Section, is_stopped, read_section
from rtc.negotiation.transports import bundled, transport_lines

MALFORMED = (AssertionError, AttributeError, LookupError, StopIteration, TypeError, ValueError)
SESSION = ("v=", "o=", "s=", "t=", "a=ice-lite", "a=msid-semantic:")  # that aiortc reads
BUNDLE = "a=group:BUNDLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferLimits:
    """Limits of an offer: `size` in bytes, `lines`, media `sections`, and all ICE `candidates`.

    Offers of browsers have 100 lines for each section. Each costs some microseconds of the event
    loop, and those that are about all codecs more.
    """

    size: int = 65_536
    lines: int = 1_500
    sections: int = 8
    candidates: int = 128


@dataclass(frozen=True, slots=True)
class Offer:
    """A validated offer; `text` is the part that can be met as SDP for aiortc.

    `bundle` are the identifiers of the sections that share one transport.
    """

    text: str
    sections: tuple[Section, ...]
    bundle: tuple[str, ...]

    def sending(self, kind: str) -> Section | None:
        """Return the section on which `kind` is received: the first that offers it."""
        return next((s for s in self.sections if s.kind == kind and s.sends), None)

    def receiving(self, kind: str) -> Section | None:
        """Return the section on which `kind` is sent: the first that asks for it."""
        return next((s for s in self.sections if s.kind == kind and s.receives), None)

    @property
    def has_messages(self) -> bool:
        return any(each.kind == "application" and not each.refusal for each in self.sections)

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why sections are refused, apart from those that the client has stopped."""
        return tuple(s.refusal for s in self.sections if s.refusal and not s.stopped)


def read_offer(text: str, limits: OfferLimits) -> Offer:
    """Return the offer in `text`.

    Raises:
        BadOfferError: it is not an SDP offer for WebRTC, none of its sections can be met, or it is
            over the limits.
    """
    session, parts = _split(text, limits)
    mids = [_value(lines, "a=mid:") for lines in parts]
    names = _names(mids)
    group = _bundle(session, mids)
    by_name = dict(zip(names, parts, strict=True))
    stopped = {n for n, part in by_name.items() if is_stopped(part, bundled=n in group)}
    own = {name: transport_lines(part, session) for name, part in by_name.items()}
    shared = bundled(own, [name for name in group if name not in stopped])
    sections = _one_for_data(
        read_section(part, session, shared[n], mid=mid, name=n, stopped=n in stopped)
        for mid, (n, part) in zip(mids, by_name.items(), strict=True)
    )
    accepted = [section for section in sections if not section.refusal]
    if not accepted:
        reasons = dict.fromkeys(section.refusal for section in sections)
        raise BadOfferError(f"the offer cannot be met: {'; '.join(reasons)}"[:300])
    bundle = [name for name in group if any(name == each.name for each in accepted)]
    clean = _text(session, bundle, accepted)
    _check(clean)
    return Offer(clean, sections, tuple(bundle))


def _split(text: str, limits: OfferLimits) -> tuple[list[str], list[list[str]]]:
    """Return the lines of the session and of each media section, and check the limits."""
    size = len(text.encode(errors="replace"))
    if size > limits.size:
        raise BadOfferError(f"the offer has {size} bytes; at most {limits.size} are read")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > limits.lines:
        raise BadOfferError(f"the offer has {len(lines)} lines; at most {limits.lines} are read")
    if not lines or lines[0] != "v=0":
        raise BadOfferError("the offer is not SDP: expected its first line to be v=0")
    lines = [line for line in lines if not _is_unwanted(line)]
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


def _is_unwanted(line: str) -> bool:
    """Return whether a candidate is of no use.

    Resolving an mDNS name from another network takes a second and a multicast socket, and with no
    candidate left aioice waits for the client, which may reach us from an address that is learned
    then. RTCP is multiplexed, so there are no second components.
    """
    if not line.startswith("a=candidate:"):
        return False
    fields = line.split()
    return len(fields) > 4 and (fields[1] != "1" or fields[4].endswith(".local"))


def _value(lines: Sequence[str], prefix: str) -> str:
    return next(
        (line.removeprefix(prefix).strip() for line in lines if line.startswith(prefix)), ""
    )


def _names(mids: Sequence[str]) -> list[str]:
    """Return an identifier for each section: its mid, or an unused number if it has none."""
    given = [mid for mid in mids if mid]
    if len(set(given)) < len(given):
        raise BadOfferError("the media sections of the offer have an a=mid that is not unique")
    unused = (number for number in map(str, count()) if number not in given)
    return [mid or next(unused) for mid in mids]


def _bundle(session: Sequence[str], mids: Sequence[str]) -> list[str]:
    """Return the mids of the first bundle; sections of further ones get transports of their own."""
    group = _value(session, BUNDLE).split()
    if unknown := [mid for mid in group if mid not in mids]:
        raise BadOfferError(f"the offer bundles sections that it lacks: {' '.join(unknown)[:80]}")
    return list(dict.fromkeys(group))


def _one_for_data(sections: Iterable[Section]) -> tuple[Section, ...]:
    """Return `sections` with those for data channels refused but for the first."""
    result: list[Section] = []
    for section in sections:
        first = all(each.kind != "application" or each.refusal for each in result)
        if section.kind == "application" and not section.refusal and not first:
            result.append(replace(section, refusal="the offer has another application section"))
        else:
            result.append(section)
    return tuple(result)


def _text(session: Sequence[str], bundle: Sequence[str], accepted: Sequence[Section]) -> str:
    """Return the accepted sections as SDP for aiortc."""
    head = [line for line in session if line.startswith(SESSION)]
    group = [f"{BUNDLE} {' '.join(bundle)}"] if bundle else []
    lines = chain(head, group, *(section.lines for section in accepted))
    return "".join(f"{line}\r\n" for line in lines)


def _check(text: str) -> None:
    """Check that aiortc can read `text`, and the ranges of its numbers."""
    try:
        description = SessionDescription.parse(text)
    except MALFORMED as error:
        reason = f"{type(error).__name__} {error}".strip()[:200]  # many have no message
        raise BadOfferError(f"the offer is not valid SDP: {reason}") from error
    for media in description.media:
        where = f"the {media.kind} section of the offer"
        for candidate in media.ice_candidates:
            if not (0 <= candidate.port < 65536 and 0 <= candidate.priority < 2**32):
                raise BadOfferError(
                    f"{where} has an ICE candidate with a port or priority too large"
                )
        if any(not 0 < (extension.id or 0) < 256 for extension in media.rtp.headerExtensions):
            raise BadOfferError(f"{where} has an a=extmap outside 1 to 255")
        if any(not 0 <= source.ssrc < 2**32 for source in media.ssrc):
            raise BadOfferError(f"{where} has an a=ssrc outside 0 to 4294967295")

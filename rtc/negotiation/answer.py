"""The answer to a whole offer, from aiortc's answer to the sections that can be met."""

from collections.abc import Iterator, Sequence

from rtc.negotiation.codecs import RED
from rtc.negotiation.offer import BUNDLE, Offer
from rtc.negotiation.sections import Section
from rtc.negotiation.simulcast import answer_lines

TRANSPORT = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:")


def complete(text: str, offer: Offer) -> str:
    """Return the answer to all sections of `offer`; `text` is aiortc's."""
    session, *parts = _sections(text)
    met = iter(parts)
    transport = [line for line in parts[0] if line.startswith(TRANSPORT)]
    lines = _with_bundle(session, offer.bundle)
    for section in offer.sections:
        lines += _refused(section, transport) if section.refusal else _met(section, next(met))
    return "".join(f"{line}\r\n" for line in lines)


def _sections(text: str) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith("m="):
            parts.append([])
        parts[-1].append(line)
    return parts


def _with_bundle(session: Sequence[str], bundle: Sequence[str]) -> list[str]:
    """Name the bundle that was offered; aiortc names one of all sections, offered or not."""
    lines = [line for line in session if not line.startswith(BUNDLE)]
    return [*lines, f"{BUNDLE} {' '.join(bundle)}"] if bundle else lines


def _met(section: Section, lines: Sequence[str]) -> list[str]:
    """Return aiortc's answer to a section with the client's protocol and identifier."""
    kind, port, _, formats = lines[0].split(" ", 3)
    rest = [line for line in lines[1:] if section.mid or not line.startswith("a=mid:")]
    for number in section.one_way:
        plain = f"a=extmap:{number} "
        rest = [line.replace(plain, f"a=extmap:{number}/recvonly ") for line in rest]
    redundant = [str(codec.payloadType) for codec in section.codecs if codec.name == RED]
    numbers = [*redundant, *(number for number in formats.split() if number not in redundant)]
    head = f"{kind} {port} {section.media.protocol} {' '.join(numbers)}"
    return [head, *_first(redundant, rest), *answer_lines(section.layers)]


def _first(numbers: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Return `lines` with those about these payload types before those about others.

    A client sends what an answer names first. aiortc would send that, too, so it has another order.
    """
    about = [f"a={name}:{number} " for number in numbers for name in ("rtpmap", "rtcp-fb", "fmtp")]
    moved = [line for line in lines if line.startswith(tuple(about))]
    rest = [line for line in lines if line not in moved]
    start = next((n for n, line in enumerate(rest) if line.startswith("a=rtpmap:")), len(rest))
    return [*rest[:start], *moved, *rest[start:]]


def _refused(section: Section, transport: Sequence[str]) -> Iterator[str]:
    """Yield the answer to a section that is not used: RFC 3264, section 6.

    It needs no transport, but GStreamer refuses an answer with a section that has none.
    """
    media = section.media
    yield f"m={media.kind} 0 {media.protocol} {media.formats}"
    yield "c=IN IP4 0.0.0.0"
    yield "a=inactive"
    if section.mid:
        yield f"a=mid:{section.mid}"
    yield from transport

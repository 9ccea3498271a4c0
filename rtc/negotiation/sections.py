"""One media section of an offer: what it asks for, and whether that can be met."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpHeaderExtensionParameters
from aiortc.sdp import DIRECTIONS

from rtc.aiortc_patches.orientation import URI as ORIENTATION_URI
from rtc.congestion.feedback import URI as TRANSPORT_WIDE_URI
from rtc.errors import BadOfferError
from rtc.negotiation import codecs, simulcast, transports

MEDIA = re.compile(r"m=(\S+) (\d{1,5})(?:/\d+)? (\S+) (.*\S)", re.ASCII)
DATA_PROTOCOLS = ("UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP")
KINDS = ("audio", "video", "application")
# One codec of each kind that aiortc knows: what is agreed on takes its place afterwards.
PLACEHOLDERS = {"audio": "a=rtpmap:96 opus/48000/2", "video": "a=rtpmap:96 VP8/90000"}
# Extensions that the client sends, whether or not it takes them: RFC 8285, section 5.
EXTENSION = re.compile(r"a=extmap:(\d{1,3})(/sendonly|/sendrecv|) (\S+)", re.ASCII)
KEPT = (  # of what describes the media, the lines that aiortc reads
    re.compile(r"a=ssrc:\d{1,10} \w+:.*", re.ASCII),
    re.compile(r"a=ssrc-group:\w+(?: \d{1,10})+", re.ASCII),
    re.compile(r"a=msid:\S+ \S+", re.ASCII),
)
RETRANSMISSION = re.compile(r"a=ssrc-group:FID (\d{1,10}) (\d{1,10})", re.ASCII)
LAYER_EXTENSIONS = (
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
)
SCTP_PORT = re.compile(r"a=sctp-port:(\d{1,5})", re.ASCII)
MESSAGE_SIZE = re.compile(r"a=max-message-size:\d{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """The first line of a section."""

    kind: str
    port: int
    protocol: str
    formats: str

    @classmethod
    def parse(cls, line: str) -> "Media":
        """Read an m= line.

        Raises:
            BadOfferError: it is none.
        """
        found = MEDIA.fullmatch(line)
        if found is None:
            raise BadOfferError(f"the offer is not valid SDP: {line[:80]!r}")
        return cls(kind=found[1], port=int(found[2]), protocol=found[3], formats=found[4])


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One media section; `direction` is as the client sees it.

    `refusal` says why it cannot be met, and is empty if it can; `stopped` that the client has
    given it up. `name` identifies it to aiortc; it is `mid`, if the client gave one. `lines` are
    the section as aiortc reads it. `layers` belong to simulcast. `extensions` are those
    that aiortc does not agree on by itself, `one_way` the numbers of those that the client only
    sends. `retransmissions` maps SSRCs to those of their originals.
    """

    media: Media
    mid: str
    name: str
    direction: str
    stopped: bool = False
    refusal: str = ""
    lines: tuple[str, ...] = ()
    codecs: tuple[RTCRtpCodecParameters, ...] = ()
    layers: tuple[str, ...] = ()
    extensions: tuple[RTCRtpHeaderExtensionParameters, ...] = ()
    retransmissions: Mapping[int, int] = field(default_factory=dict)
    one_way: frozenset[str] = frozenset()

    @property
    def kind(self) -> str:
        return self.media.kind

    @property
    def sends(self) -> bool:
        return not self.refusal and self.direction in ("sendrecv", "sendonly")

    @property
    def receives(self) -> bool:
        """Whether the client can be sent media here."""
        wants = not self.refusal and self.direction in ("sendrecv", "recvonly")
        return wants and all(codecs.can_send(codec) for codec in self.codecs[:1])


def is_stopped(lines: Sequence[str], *, bundled: bool) -> bool:
    """Return whether a section has no port; in a bundle it may do without: RFC 9143, section 6."""
    return Media.parse(lines[0]).port == 0 and not (bundled and "a=bundle-only" in lines)


def read_section(
    lines: Sequence[str],
    session: Sequence[str],
    transport: Sequence[str],
    *,
    mid: str,
    name: str,
    stopped: bool,
) -> Section:
    """Return the section of `lines`; `session` are those before the first section.

    Raises:
        BadOfferError: it is not valid SDP.
    """
    media = Media.parse(lines[0])
    direction = _direction(lines, session)
    agreed = codecs.agreed_codecs(media.kind, lines) if media.kind in codecs.KNOWN else ()
    refusal = _refusal(media, lines, transport, agreed)
    if stopped or refusal:
        return Section(
            media=media,
            mid=mid,
            name=name,
            direction="inactive",
            stopped=stopped,
            refusal=f"the {media.kind[:20]} section is stopped" if stopped else refusal,
        )
    layers = simulcast.offered_layers(lines) if media.kind == "video" else ()
    extensions = [found for line in lines if (found := EXTENSION.fullmatch(line))]
    if not any(found[3] == TRANSPORT_WIDE_URI for found in extensions):
        agreed = codecs.without(codecs.TRANSPORT_WIDE, agreed)
    wanted = (
        *((ORIENTATION_URI,) if media.kind == "video" else ()),
        *(LAYER_EXTENSIONS if layers else ()),
        *((TRANSPORT_WIDE_URI,) if codecs.is_transport_wide(agreed) else ()),
    )
    return Section(
        media=media,
        mid=mid,
        name=name,
        direction=direction,
        lines=(*_for_aiortc(media, lines, name, direction), *transport),
        codecs=simulcast.for_layers(agreed) if layers else agreed,
        layers=layers,
        extensions=tuple(
            RTCRtpHeaderExtensionParameters(id=int(found[1]), uri=found[3])
            for found in extensions
            if found[3] in wanted and int(found[1]) > 0
        ),
        retransmissions={
            int(found[2]): int(found[1])
            for line in lines
            if (found := RETRANSMISSION.fullmatch(line))
        },
        one_way=frozenset(found[1] for found in extensions if found[2] == "/sendonly"),
    )


def _refusal(
    media: Media,
    lines: Sequence[str],
    transport: Sequence[str],
    agreed: Sequence[RTCRtpCodecParameters],
) -> str:
    """Return why the section cannot be met, or an empty string."""
    where = f"the {media.kind[:20]} section"
    if media.kind not in KINDS:
        return f"{where} is of an unknown kind: expected audio, video or application"
    expected = DATA_PROTOCOLS if media.kind == "application" else ("RTP/SAVP", "RTP/SAVPF")
    if not media.protocol.endswith(expected):
        return f"{where} has the protocol {media.protocol[:40]}: expected {expected[0]}"
    if complaint := transports.complaint(media.kind, transport):
        return f"{where} {complaint}"
    if media.kind == "application":
        return "" if _sctp_lines(media, lines) else f"{where} has no a=sctp-port from 1 to 65535"
    if not agreed:
        return f"{where} has no supported codec: expected {codecs.NAMES[media.kind]}"
    return ""


def _direction(lines: Sequence[str], session: Sequence[str]) -> str:
    """Return the direction of a section: its own, else the session's, else the default."""
    found = [line[2:] for line in (*session, *lines) if line[2:] in DIRECTIONS]
    return found[-1] if found else "sendrecv"


def _for_aiortc(media: Media, lines: Sequence[str], name: str, direction: str) -> list[str]:
    """Return the section as aiortc reads it, without its transport."""
    if media.kind == "application":
        return [*_sctp_lines(media, lines), f"a=mid:{name}"]
    kept = [line for line in lines if any(each.fullmatch(line) for each in KEPT)]
    kept += [f"a=extmap:{e[1]} {e[3]}" for line in lines if (e := EXTENSION.fullmatch(line))]
    head = f"m={media.kind} 9 UDP/TLS/RTP/SAVPF 96"
    return [head, f"a=mid:{name}", f"a={direction}", PLACEHOLDERS[media.kind], *kept]


def _sctp_lines(media: Media, lines: Sequence[str]) -> list[str]:
    """Return the lines for data channels in the client's form, none if they have no valid port."""
    legacy = media.protocol == "DTLS/SCTP"
    ports = [found[1] for line in lines if (found := SCTP_PORT.fullmatch(line))]
    port = media.formats.split()[0] if legacy else next(iter(ports), "")
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536):
        return []
    sizes = [line for line in lines if MESSAGE_SIZE.fullmatch(line)]
    if legacy:
        return [f"m=application 9 DTLS/SCTP {port}", *sizes]
    head = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"
    return [head, f"a=sctp-port:{port}", *sizes]

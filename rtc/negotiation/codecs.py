"""Which of the offered codecs of a section are used.

aiortc's own choice takes constrained baseline and baseline H.264 in packetization mode 1 alone,
and gives payload types below 96 other numbers. Its decoders read every profile and level, and its
depacketizer mode 0, which is a part of mode 1.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecParameters

RTPMAP = re.compile(r"a=rtpmap:(\d{1,3}) ([\w.-]+)/(\d{1,6})(?:/\d+)?", re.ASCII)
NUMBER = re.compile(r"\d{1,3}", re.ASCII)
ATTRIBUTE = re.compile(r"a=(fmtp|rtcp-fb):(\d{1,3}|\*) (.+)")
STATIC = {0: ("PCMU", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000)}  # RFC 3551, section 6
# With RTP and RTCP on one port, 64 to 95 would look like RTCP: RFC 5761, section 4.
PAYLOAD_TYPES = (*range(64), *range(96, 128))
# What aiortc decodes: its name and channels by the name in lower case and the clock rate.
KNOWN: dict[str, dict[tuple[str, int], tuple[str, int | None]]] = {
    "audio": {
        ("opus", 48_000): ("opus", 2),
        ("g722", 8000): ("G722", 1),
        ("pcmu", 8000): ("PCMU", 1),
        ("pcma", 8000): ("PCMA", 1),
    },
    "video": {("vp8", 90_000): ("VP8", None), ("h264", 90_000): ("H264", None)},
}
NAMES = {"audio": "Opus, G.722 or G.711", "video": "VP8 or H.264"}
TRANSPORT_WIDE = "transport-cc"
# What is sent and read of RTCP feedback.
FEEDBACK = (("nack", None), ("nack", "pli"), ("goog-remb", None), (TRANSPORT_WIDE, None))
MODES = ("0", "1")  # of H.264 packetization, RFC 6184 section 6: 2 is interleaved
BASELINE = "42e01f"  # what no profile-level-id means to WebRTC
PROFILE = re.compile(r"[0-9A-Fa-f]{6}")
FEC = "useinbandfec"  # of Opus, RFC 7587 section 6.1: answered where it was offered
RED = "red"  # redundant audio, RFC 2198
RED_LEVELS = re.compile(r"\d{1,3}(?:/\d{1,3})*", re.ASCII)  # payload types of its blocks


@dataclass(slots=True)
class OfferedCodec:
    """One payload type of an offer."""

    payload_type: int
    name: str
    rate: int
    parameters: dict[str, str] = field(default_factory=dict)
    feedback: set[str] = field(default_factory=set)


def agreed_codecs(kind: str, lines: Sequence[str]) -> tuple[RTCRtpCodecParameters, ...]:
    """Return the codecs of a section that are answered, from its `lines`.

    They have the client's order, but those come first that can be sent as well as received, then
    redundant audio, which is only received, and then retransmission.
    """
    offered = _offered(lines)
    media = [codec for each in offered if (codec := _agreed(kind, each)) is not None]
    media.sort(key=lambda codec: not can_send(codec))
    rates = {codec.payloadType: codec.clockRate for codec in media}
    opus = {codec.payloadType for codec in media if codec.name == "opus"}
    return (
        *media,
        *(codec for each in offered if (codec := _redundancy(each, opus)) is not None),
        *(_retransmission(each) for each in offered if _repeats(each, rates)),
    )


def can_send(codec: RTCRtpCodecParameters) -> bool:
    """Return whether aiortc's packetizer keeps to `codec`: it always fragments, as in mode 1."""
    return codec.name != "H264" or codec.parameters.get("packetization-mode") == "1"


def is_transport_wide(codecs: Sequence[RTCRtpCodecParameters]) -> bool:
    """Return whether a codec agrees on transport-wide congestion control."""
    return any(each.type == TRANSPORT_WIDE for codec in codecs for each in codec.rtcpFeedback)


def without(
    feedback: str, codecs: Sequence[RTCRtpCodecParameters]
) -> tuple[RTCRtpCodecParameters, ...]:
    """Return `codecs` that do not agree on a kind of feedback."""
    return tuple(
        replace(codec, rtcpFeedback=[each for each in codec.rtcpFeedback if each.type != feedback])
        for codec in codecs
    )


def _offered(lines: Sequence[str]) -> list[OfferedCodec]:
    """Return the payload types of a section in the order of its m= line."""
    named = dict(STATIC)
    for line in lines:
        if found := RTPMAP.fullmatch(line):
            named[int(found[1])] = (found[2], int(found[3]))
    listed = dict.fromkeys(int(each) for each in lines[0].split()[3:] if NUMBER.fullmatch(each))
    codecs = {
        number: OfferedCodec(number, *named[number])
        for number in listed
        if number in named and number in PAYLOAD_TYPES
    }
    for line in lines:
        if found := ATTRIBUTE.fullmatch(line):
            for number, codec in codecs.items():
                if found[2] in ("*", str(number)):
                    _describe(codec, found[1], found[3])
    return list(codecs.values())


def _describe(codec: OfferedCodec, attribute: str, value: str) -> None:
    """Add what an fmtp or rtcp-fb line says about `codec`."""
    if attribute == "rtcp-fb":
        codec.feedback.add(" ".join(value.split()))
        return
    for parameter in value.split(";"):
        name, _, setting = parameter.strip().partition("=")
        codec.parameters[name.strip().lower()] = setting.strip()


def _agreed(kind: str, offered: OfferedCodec) -> RTCRtpCodecParameters | None:
    """Return how `offered` is answered, or None if aiortc cannot decode it."""
    known = KNOWN[kind].get((offered.name.lower(), offered.rate))
    if known is None:
        return None
    name, channels = known
    parameters = _parameters(name, offered.parameters)
    if parameters is None:
        return None
    return RTCRtpCodecParameters(
        mimeType=f"{kind}/{name}",
        clockRate=offered.rate,
        channels=channels,
        payloadType=offered.payload_type,
        rtcpFeedback=[
            RTCRtcpFeedback(type=type_, parameter=detail)
            for type_, detail in FEEDBACK
            if " ".join(filter(None, (type_, detail))) in offered.feedback
        ],
        parameters=parameters,
    )


def _parameters(name: str, offered: dict[str, str]) -> dict[str, int | str | None] | None:
    """Return the parameters of the answer, None for a codec that cannot be met."""
    if name == "H264":
        return _h264_parameters(offered)
    if name == "opus" and offered.get(FEC) == "1":
        return {FEC: "1"}
    return {}


def _h264_parameters(offered: dict[str, str]) -> dict[str, int | str | None] | None:
    """Return the parameters of the answer, None for a mode that cannot be read.

    Profile and mode must be answered as they were offered: RFC 6184, section 8.2.2.
    """
    mode = offered.get("packetization-mode") or "0"
    if mode not in MODES:
        return None
    profile = offered.get("profile-level-id", "")
    answer: dict[str, int | str | None] = {
        "packetization-mode": mode,
        "profile-level-id": profile if PROFILE.fullmatch(profile) else BASELINE,
    }
    if offered.get("level-asymmetry-allowed") == "1":
        answer = {"level-asymmetry-allowed": "1", **answer}
    return answer


def _redundancy(offered: OfferedCodec, opus: set[int | None]) -> RTCRtpCodecParameters | None:
    """Return how redundant audio is answered, or None if its blocks are not Opus that is agreed."""
    levels = next(iter(offered.parameters), "")
    if (offered.name.lower(), offered.rate) != (RED, 48_000) or not RED_LEVELS.fullmatch(levels):
        return None
    if not {int(level) for level in levels.split("/")} <= opus:
        return None
    return RTCRtpCodecParameters(
        mimeType=f"audio/{RED}",
        clockRate=offered.rate,
        channels=2,
        payloadType=offered.payload_type,
        parameters={levels: None},
    )


def _repeats(offered: OfferedCodec, rates: dict[int | None, int]) -> bool:
    """Return whether `offered` retransmits one of the answered codecs."""
    original = offered.parameters.get("apt", "")
    if offered.name.lower() != "rtx" or not NUMBER.fullmatch(original):
        return False
    return rates.get(int(original)) == offered.rate


def _retransmission(offered: OfferedCodec) -> RTCRtpCodecParameters:
    return RTCRtpCodecParameters(
        mimeType="video/rtx",
        clockRate=offered.rate,
        payloadType=offered.payload_type,
        parameters={"apt": int(offered.parameters["apt"])},
    )

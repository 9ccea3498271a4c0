"""What arrives by UDP, as targets: the bytes that a fuzzer chooses damage real packets.

Each goes to the code of ours that reads it first, as the target's name says.
"""

import asyncio
import struct
from contextlib import suppress
from typing import Any

from aioice import Connection, stun
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtcsctptransport import (
    DataChunk,
    ForwardTsnChunk,
    HeartbeatChunk,
    InitChunk,
    ReconfigChunk,
    SackChunk,
    serialize_packet,
)
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    pack_remb_fci,
)

from media.sizes import SizeLimits
from rtc.aiortc_patches.data_channels import check_parameters
from rtc.aiortc_patches.datagrams import DatagramCounters, GuardedProtocol
from rtc.congestion.feedback import Feedback, split_reports
from rtc.receiving.layers import LayerSelector
from rtc.receiving.picture_size import frame_sizes, keyframe_size
from rtc.receiving.video.decoder import is_oversized
from tests.fuzz.choices import Choices

PASSWORD = "a" * 22
ADDRESSES = (("192.0.2.1", 4000), ("192.0.2.2", 4001), ("198.51.100.7", 3478))


def reports(own: int = 1, other: int = 2) -> list[bytes]:
    """Return an RTCP packet of each kind that clients send, from one SSRC about another."""
    sender = RtcpSenderInfo(
        ntp_timestamp=2**63 + 12345, rtp_timestamp=7, packet_count=3, octet_count=4
    )
    block = RtcpReceiverInfo(
        ssrc=other, fraction_lost=10, packets_lost=-1, highest_sequence=9, jitter=1, lsr=2, dlsr=3
    )
    source = RtcpSourceInfo(ssrc=own, items=[(1, b"a name"), (2, b""), (8, b"\x03abcdef")])
    made: list[AnyRtcpPacket] = [
        RtcpSrPacket(ssrc=own, sender_info=sender, reports=[block]),
        RtcpRrPacket(ssrc=own, reports=[block, block]),
        RtcpSdesPacket(chunks=[source, source]),
        RtcpByePacket(sources=[own, 2]),
        RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=own, media_ssrc=other, lost=[1, 5, 300]),
        RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=own, media_ssrc=other),
        RtcpPsfbPacket(fmt=RTCP_PSFB_FIR, ssrc=own, media_ssrc=0, fci=bytes(4) + b"\x07\0\0\0"),
        RtcpPsfbPacket(
            fmt=RTCP_PSFB_APP, ssrc=own, media_ssrc=0, fci=pack_remb_fci(400_000, [other, 3])
        ),
    ]
    arrivals: list[tuple[int | None, ...]] = [
        (4, 9, None, 300, 20),
        (*[None] * 20, 1),
        (*range(40), -3, None),
    ]
    feedback = [
        Feedback(sender_ssrc=own, media_ssrc=other, number=3, base=65_530, arrivals=each)
        for each in arrivals
    ]
    return [bytes(each) for each in (*made, *feedback)]


def checks() -> list[bytes]:
    """Return STUN messages of a peer: a check, an answer, an error, an indication."""
    made = []
    for kind in (stun.Class.REQUEST, stun.Class.RESPONSE, stun.Class.ERROR, stun.Class.INDICATION):
        message = stun.Message(stun.Method.BINDING, kind, bytes(range(12)))
        message.attributes["USERNAME"] = "ours:theirs"
        message.attributes["PRIORITY"] = 1_845_501_695
        message.attributes["ICE-CONTROLLING"] = 2**63
        message.attributes["USE-CANDIDATE"] = None
        message.attributes["XOR-MAPPED-ADDRESS"] = ADDRESSES[0]
        if kind == stun.Class.ERROR:
            message.attributes["ERROR-CODE"] = (487, "Role Conflict")
        made.append(bytes(message))
    return made


def association() -> list[bytes]:
    """Return SCTP packets of a peer, one of each kind of chunk with a list in it."""
    init, beat, reset = InitChunk(), HeartbeatChunk(), ReconfigChunk()
    init.initiate_tag, init.advertised_rwnd = 7, 131_072
    init.outbound_streams = init.inbound_streams = 65_535
    init.params = [(0xC000, b""), (0x8008, bytes([192, 130]))]
    beat.params = [(1, bytes(8))]
    reset.params = [(13, struct.pack("!LLLHH", 1, 2, 3, 4, 5))]
    data, sack, forward = DataChunk(flags=3), SackChunk(), ForwardTsnChunk()
    data.tsn, data.stream_id, data.stream_seq, data.protocol, data.user_data = 1, 1, 0, 51, b"text"
    sack.cumulative_tsn, sack.gaps, sack.duplicates = 5, [(2, 3), (5, 9)], [1]
    forward.cumulative_tsn, forward.streams = 9, [(1, 2)]
    chunks = (init, beat, reset, data, sack, forward)
    return [serialize_packet(5000, 5000, 7, chunk) for chunk in chunks]


def payloads() -> list[tuple[str, bytes]]:
    """Return RTP payloads of video with their codecs."""
    descriptor = VpxPayloadDescriptor(
        partition_start=1, partition_id=0, picture_id=300, tl0picidx=5, tid=(2, 1), keyidx=3
    )
    keyframe = bytes([0x10, 0, 0, 0x9D, 1, 0x2A, 0x40, 1, 0xB4, 0]) + bytes(range(30))
    sps = bytes.fromhex("6742c01fda014016e840000003004000000c83c60ca8")
    pps, slice_ = bytes.fromhex("68ce3c80"), bytes([0x65, 0x88]) + bytes(range(40))
    aggregated = b"\x78" + b"".join(struct.pack("!H", len(unit)) + unit for unit in (sps, pps))
    return [
        ("VP8", bytes(descriptor) + keyframe),
        ("VP8", b"\x10" + keyframe),
        ("VP8", bytes(descriptor) + b"\x11" + bytes(range(20))),
        ("H264", sps),
        ("H264", aggregated),
        ("H264", slice_),
        ("H264", bytes([0x7C, 0x85]) + slice_[1:]),
    ]


REPORTS, CHECKS, ASSOCIATION, PAYLOADS = reports(), checks(), association(), payloads()


class _NoSocket:
    """Takes answers to nobody."""

    def sendto(self, data: bytes, address: object) -> None:
        assert data

    def get_extra_info(self, name: str) -> Any:
        return ("127.0.0.1", 5_000)


def stun_checks(data: bytes) -> None:
    """Give a socket damaged STUN messages, of strangers and with the right password."""
    loop = asyncio.new_event_loop()  # the socket makes a future
    loop.run_until_complete(_give_checks(Choices(data)))
    loop.close()


async def _give_checks(choices: Choices) -> None:
    counters = DatagramCounters()
    connection = Connection(ice_controlling=False, local_username="ours", local_password=PASSWORD)
    connection.remote_password = PASSWORD
    protocol = GuardedProtocol(connection, counters)
    protocol.connection_made(_NoSocket())  # type: ignore[arg-type]
    number = 0
    while number == 0 or (choices.left and number < 4):
        number += 1
        message, signed = _signed(choices, choices.damaged(choices.one(CHECKS)))
        authentic, dropped = counters.authentic, counters.dropped
        protocol.datagram_received(message, choices.one(ADDRESSES))
        assert counters.datagrams == number
        assert signed or counters.authentic == authentic
        assert counters.authentic + counters.dropped - authentic - dropped <= 2


def _signed(choices: Choices, message: bytes) -> tuple[bytes, bool]:
    """Return a message, in most cases with a length and an integrity that fit it."""
    if choices.number(4) == 0 or len(message) < 20:
        return message, False
    body = message[20:]
    body = body[: len(body) // 4 * 4]
    head = message[:2] + struct.pack("!HI", len(body), stun.COOKIE) + message[8:20]
    integrity = stun.message_integrity(head + body, PASSWORD.encode())
    whole = body + struct.pack("!HH", 8, len(integrity)) + integrity
    return message[:2] + struct.pack("!HI", len(whole), stun.COOKIE) + message[8:20] + whole, True


def feedback(data: bytes) -> None:
    """Read damaged RTCP, of one to three packets, as it comes from the transport."""
    choices = Choices(data)
    packets = [choices.one(REPORTS) for _ in range(1 + choices.number(3))]
    compound = choices.damaged(b"".join(packets))
    found, rest = split_reports(compound)
    assert sum(map(len, found)) + len(rest) == len(compound)
    for report in found:
        with suppress(ValueError):
            read = Feedback.parse(report)
            _check_written_again(read)


def _check_written_again(report: Feedback) -> None:
    """Check that a report that was read has the same meaning when it is written.

    Raises:
        ValueError: it cannot be written; times that wrap are too far apart.
    """
    again = Feedback.parse(bytes(report))
    assert again.base == report.base
    first = next((time for time in report.arrivals if time is not None), 0)
    first_again = next((time for time in again.arrivals if time is not None), 0)
    assert [None if t is None else t - first for t in report.arrivals] == [
        None if t is None else t - first_again for t in again.arrivals
    ]


def video_payloads(data: bytes) -> None:
    """Look into damaged RTP payloads and frames of video, and choose among layers by them."""
    choices = Choices(data)
    selector = LayerSelector(SizeLimits(longer=640, shorter=360))
    for timestamp in range(8):
        codec, payload = choices.one(PAYLOADS)
        payload = choices.damaged(payload)
        size = keyframe_size(codec, payload)
        selector.take(choices.number(12), timestamp * choices.number(3), size)
        frame = payload[choices.number(4) :]
        with suppress(ValueError):
            frame_sizes(codec, frame)
        is_oversized(codec, frame)
        if not choices.left:
            break


def sctp(data: bytes) -> None:
    """Check the parameters of damaged SCTP packets, before aiortc goes through them."""
    choices = Choices(data)
    with suppress(ValueError):
        check_parameters(choices.damaged(choices.one(ASSOCIATION)))

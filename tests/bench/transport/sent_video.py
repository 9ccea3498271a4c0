"""What a sender really sent: its packets before encryption, decoded without any loss.

A receiver's frame is intact if it equals the frame with the same time code here.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import av
from aiortc import RTCDtlsTransport
from aiortc.codecs import depayload, get_decoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket, is_rtcp

from media.video import frame_from_av
from tests.bench.transport import time_code
from tests.bench.transport.logs import checksum

HALF = 1 << 15  # of the sequence numbers


def keep_packets(transport: RTCDtlsTransport, kept: list[bytes]) -> None:
    """Append every RTP packet that is sent from now on to `kept`."""
    send: Any = transport._send_rtp

    async def keep(data: bytes) -> None:
        if not is_rtcp(data):
            kept.append(data)
        await send(data)

    transport._send_rtp = keep  # type: ignore[method-assign]


def reference(packets: Sequence[bytes], codec: tuple[str, int]) -> dict[int, int]:
    """Return the checksum of each decoded frame by its time code."""
    name, payload_type = codec
    parameters = RTCRtpCodecParameters(
        mimeType=f"video/{name}", clockRate=90_000, payloadType=payload_type
    )
    decoder = get_decoder(parameters)
    found: dict[int, int] = {}
    for timestamp, data in frames(packets, parameters):
        decoded: Sequence[object] = ()
        with suppress(av.FFmpegError):  # a frame of which a part was never sent
            decoded = decoder.decode(JitterFrame(data=data, timestamp=timestamp))
        for frame in decoded:
            shown = frame_from_av(frame, 0, webrtc=True)  # type: ignore[arg-type]  # only video
            number = time_code.read(shown.pixels[..., 1])
            if number is not None:
                found[number] = checksum(shown)
    return found


def frames(packets: Sequence[bytes], codec: RTCRtpCodecParameters) -> list[tuple[int, bytes]]:
    """Return the timestamp and the data of each frame in `packets`, in the order of sending."""
    pieces: dict[int, dict[int, bytes]] = {}
    last = 0
    for data in packets:
        packet = RtpPacket.parse(data)
        if packet.payload_type != codec.payloadType or not packet.payload:
            continue
        last += (packet.sequence_number - last + HALF) % (2 * HALF) - HALF
        pieces.setdefault(packet.timestamp, {}).setdefault(last, depayload(codec, packet.payload))
    return [(time, b"".join(p for _, p in sorted(found.items()))) for time, found in pieces.items()]

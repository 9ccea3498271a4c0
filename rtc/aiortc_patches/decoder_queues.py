"""Bounded queues between the network and the decoder threads."""

from aiortc import RTCRtpReceiver

from rtc.decoding import DecodingQueue

DECODER_CAPACITY = {"audio": 100, "video": 60}  # 2 s of either


def bound_decoder_queue(receiver: RTCRtpReceiver, kind: str) -> DecodingQueue:
    """Replace the decoder queue of `receiver` by a bounded one; call before it receives."""
    private = vars(receiver)
    keyframe_wanted = private["_RTCRtpReceiver__decoder_error"] if kind == "video" else None
    queue = DecodingQueue(DECODER_CAPACITY[kind], keyframe_wanted)
    if "_RTCRtpReceiver__decoder_queue" not in private:
        raise TypeError("expected aiortc 1.16: its receiver has no decoder queue")
    private["_RTCRtpReceiver__decoder_queue"] = queue
    return queue

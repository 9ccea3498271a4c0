"""The stream of each kind of media: here a receiver gets what decides about its packets."""

from rtc.receiving.audio.stream import AudioStream
from rtc.receiving.link import Link
from rtc.receiving.stock_stream import StockStream
from rtc.receiving.stream import Deliver, Stream


def create_stream(kind: str, link: Link, deliver: Deliver) -> Stream:
    """Return a stream of `kind`, audio or video, for the packets of one receiver."""
    if kind == "audio":
        return AudioStream(link, deliver, limit=link.audio_wait)
    return StockStream(kind, deliver)

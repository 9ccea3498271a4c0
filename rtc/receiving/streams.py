"""The stream of each kind of media: here a receiver gets what decides about its packets."""

from rtc.receiving.audio.stream import AudioStream
from rtc.receiving.link import Link
from rtc.receiving.stream import Deliver, Stream
from rtc.receiving.video.stream import VideoStream


def create_stream(kind: str, link: Link, deliver: Deliver) -> Stream:
    """Return a stream of `kind`, audio or video, for the packets of one receiver."""
    if kind == "audio":
        return AudioStream(link, deliver, limit=link.audio_wait)
    return VideoStream(link, deliver, patience=link.video_wait)

"""A bounded queue between the network and a decoder thread."""

import threading
from collections import deque

from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from rtc.picture_size import frame_sizes

START_CODE = b"\x00\x00\x00\x01"
H264_IDR, H264_SPS = 5, 7  # NAL unit types that start a keyframe, H.264 table 7-1
MAX_PIXELS = 36_864 * 256  # of a frame: 9.4 megapixels, H.264 level 5.1, table A-1
KEYFRAME_RETRY = 30  # dropped frames after which the keyframe is requested again

Decodable = tuple[RTCRtpCodecParameters, JitterFrame]


class DecodingQueue:
    """Queue of encoded frames for a decoder thread, at most `capacity` long.

    When the decoder falls behind, the oldest audio packets are dropped. Video cannot be decoded
    with a frame missing: all queued frames are dropped, and then all frames until the next
    keyframe, which is requested by setting `keyframe_wanted`. The event is None for audio. Frames
    that claim more than MAX_PIXELS are dropped: a hundred bytes of VP8 can claim 268 megapixels,
    which take a decoder 4 s and 900 MB. An empty frame is dropped: to FFmpeg it is the end of the
    stream, after which it decodes nothing.
    """

    def __init__(self, capacity: int, keyframe_wanted: threading.Event | None) -> None:
        self.dropped = 0
        self._capacity = capacity
        self._keyframe_wanted = keyframe_wanted
        self._waiting_for_keyframe = False
        self._items: deque[Decodable | None] = deque()
        self._changed = threading.Condition()

    def put(self, item: Decodable | None) -> None:
        """Append `item`; None ends the thread, and queued items are not decoded."""
        with self._changed:
            if item is None:
                self._items.clear()
                self._items.append(None)
            elif not item[1].data:
                self.dropped += 1
            elif self._keyframe_wanted is None:
                self._put_audio(item)
            else:
                self._put_video(item, self._keyframe_wanted)
            self._changed.notify()

    def get(self) -> Decodable | None:
        """Wait for the next item."""
        with self._changed:
            while not self._items:
                self._changed.wait()
            return self._items.popleft()

    def _put_audio(self, item: Decodable) -> None:
        if len(self._items) >= self._capacity:
            self._items.popleft()
            self.dropped += 1
        self._items.append(item)

    def _put_video(self, item: Decodable, keyframe_wanted: threading.Event) -> None:
        if len(self._items) >= self._capacity:
            self.dropped += len(self._items)
            self._items.clear()
            self._waiting_for_keyframe = True
            keyframe_wanted.set()
        codec, data = item[0].name, item[1].data
        oversized = is_oversized(codec, data)
        if oversized or (self._waiting_for_keyframe and not is_keyframe(codec, data)):
            self._waiting_for_keyframe = True
            self.dropped += 1
            if self.dropped % KEYFRAME_RETRY == 0:
                keyframe_wanted.set()
            return
        self._waiting_for_keyframe = False
        self._items.append(item)


def is_oversized(codec: str, data: bytes) -> bool:
    """Return whether an encoded frame sets a size over MAX_PIXELS, or one that cannot be read."""
    try:
        return any(width * height > MAX_PIXELS for width, height in frame_sizes(codec, data))
    except ValueError:
        return True


def is_keyframe(codec: str, data: bytes) -> bool:
    """Return whether an encoded VP8 or H.264 frame decodes without earlier frames."""
    if codec.upper() == "VP8":
        return bool(data) and data[0] & 1 == 0  # RFC 6386, section 9.1
    types = (unit[0] & 0x1F for unit in data.split(START_CODE) if unit)
    return any(type_ in (H264_IDR, H264_SPS) for type_ in types)

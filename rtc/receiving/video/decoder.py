"""A thread that decodes the frames of one receiver, in order."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from aiortc.codecs import get_decoder
from aiortc.codecs.base import Decoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from rtc.receiving.picture_size import frame_sizes
from rtc.receiving.video.packet import CodedFrame

logger = logging.getLogger(__name__)

MAX_PIXELS = 36_864 * 256  # of a frame: 9.4 megapixels, H.264 level 5.1, table A-1
MAX_WAITING = 60  # frames: 2 s

Item = tuple[RTCRtpCodecParameters, CodedFrame]


class FrameDecoder:
    """Decodes what `put` takes; `deliver` and `on_error` are called on the event loop.

    `on_error` is called if a frame cannot be decoded. The decoder keeps its state: after a new one,
    nothing could be decoded before the next keyframe.
    """

    def __init__(self, deliver: Callable[[Any], None], on_error: Callable[[], None]) -> None:
        self.dropped = 0
        self._loop = asyncio.get_running_loop()
        self._deliver = deliver
        self._on_error = on_error
        self._waiting: deque[Item | None] = deque()
        self._changed = threading.Condition()
        self._ended = asyncio.Event()
        threading.Thread(target=self._run, name="video decoder", daemon=True).start()

    def put(self, codec: RTCRtpCodecParameters, frame: CodedFrame) -> bool:
        """Decode `frame` after what is waiting; return whether it will be.

        If too many wait, all of them are dropped: video cannot be decoded with a frame missing.
        Frames that claim more than MAX_PIXELS are not decoded: a hundred bytes of VP8 can claim 268
        megapixels, which take a decoder 4 s and 900 MB. Nor is an empty one: to FFmpeg it is the
        end of the stream, after which it decodes nothing.
        """
        refused = not frame.data or is_oversized(codec.name, frame.data)
        with self._changed:
            if refused or len(self._waiting) >= MAX_WAITING:
                self.dropped += 1 + (0 if refused else len(self._waiting))
                if not refused:
                    self._waiting.clear()
                return False
            self._waiting.append((codec, frame))
            self._changed.notify()
        return True

    def stop(self) -> None:
        """End once what is being decoded is done; `deliver` is given None then."""
        with self._changed:
            self._waiting.clear()
            self._waiting.append(None)
            self._changed.notify()

    async def stopped(self) -> None:
        """Wait for the end."""
        await self._ended.wait()

    def _next(self) -> Item | None:
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            return self._waiting.popleft()

    def _run(self) -> None:
        decoders: dict[str, Decoder] = {}
        while (item := self._next()) is not None:
            codec, frame = item
            try:
                if codec.name not in decoders:
                    decoders = {codec.name: get_decoder(codec)}
                decoder = decoders[codec.name]
                for decoded in decoder.decode(JitterFrame(frame.data, frame.timestamp)):
                    self._call(self._deliver, decoded)
            except Exception as error:  # noqa: BLE001  (a peer can send anything)
                logger.debug("not decoded: %s %s", type(error).__name__, error)
                self._call(self._on_error)
        self._call(self._deliver, None)
        self._call(self._ended.set)

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the event loop is closed, as is everything that waits
            logger.debug("decoded for an event loop that is closed")


def is_oversized(codec: str, data: bytes) -> bool:
    """Return whether an encoded frame sets a size over MAX_PIXELS, or one that cannot be read."""
    try:
        return any(width * height > MAX_PIXELS for width, height in frame_sizes(codec, data))
    except ValueError:
        return True

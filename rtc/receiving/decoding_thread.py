"""A thread that decodes what a receiver assembles, in order."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any

from aiortc.codecs import get_decoder
from aiortc.codecs.base import Decoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from rtc.decoding import DecodingQueue

logger = logging.getLogger(__name__)


class DecodingThread:
    """Decodes what `put` is given; `deliver` and `on_error` are called on the event loop.

    `on_error` is called if something cannot be decoded, and if frames were dropped since decoding
    is too slow. The decoder keeps its state: after a new one, nothing could be decoded before the
    next keyframe.
    """

    def __init__(
        self, kind: str, capacity: int, deliver: Callable[[Any], None], on_error: Callable[[], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._deliver = deliver
        self._on_error = on_error
        self._keyframe_wanted = threading.Event() if kind == "video" else None
        self.queue = DecodingQueue(capacity, self._keyframe_wanted)
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"{kind} decoder", daemon=True)
        self._thread.start()

    def put(self, codec: RTCRtpCodecParameters, data: bytes, timestamp: int) -> None:
        """Decode `data` after what is waiting; drop something if too much is."""
        self.queue.put((codec, JitterFrame(data, timestamp)))
        if self._keyframe_wanted is not None and self._keyframe_wanted.is_set():
            self._keyframe_wanted.clear()
            self._on_error()

    def stop(self) -> None:
        """End once what is being decoded is done; `deliver` is given None then."""
        self.queue.put(None)

    async def stopped(self) -> None:
        """Wait for the end."""
        await self._ended.wait()

    def _run(self) -> None:
        decoders: dict[str, Decoder] = {}
        while (item := self.queue.get()) is not None:
            codec, frame = item
            try:
                if codec.name not in decoders:
                    decoders = {codec.name: get_decoder(codec)}
                for decoded in decoders[codec.name].decode(frame):
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

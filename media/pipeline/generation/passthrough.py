"""What comes to the stage that draws, and the stage where nothing does."""

from dataclasses import dataclass

from media.channel import Channel
from media.events import Degraded
from media.frames import VideoFrame
from media.generation_events import GenerationInput
from media.pipeline.context import SessionContext
from media.pipeline.generation.playout import Show


@dataclass(frozen=True, slots=True)
class StreamTime:
    """The stream has come to `time`, in seconds."""

    time: float


GenerationItem = VideoFrame | GenerationInput | StreamTime


class Passthrough:
    """The stage where nothing draws: camera pictures pass, and who asks for others is told."""

    def __init__(self, shared: SessionContext, show: Show | None) -> None:
        self._shared = shared
        self._show = show

    async def run(self, inbox: Channel[GenerationItem]) -> None:
        """Pass pictures on until `inbox` ends."""
        told = False
        async for item in inbox:
            if isinstance(item, VideoFrame):
                if self._show is not None:
                    await self._show(item)
            elif not told and not isinstance(item, StreamTime):
                told = True
                await self._shared.send(Degraded("nothing here draws: no model for it is loaded"))

"""The input of the generation stage, and the stage of a session without a generator."""

from dataclasses import dataclass

from media.channel import Channel
from media.events.generation import GenerationInput
from media.events.vision import Degraded
from media.frames import VideoFrame
from media.pipeline.context import SessionContext
from media.pipeline.generation.playout import ShowFrame


@dataclass(frozen=True, slots=True)
class StreamTime:
    """The stream has reached `time`, in seconds."""

    time: float


GenerationItem = VideoFrame | GenerationInput | StreamTime


class Passthrough:
    """The stage without a generator: shows camera frames, and reports once that it is missing."""

    def __init__(self, context: SessionContext, show: ShowFrame | None) -> None:
        self._context = context
        self._show = show

    async def run(self, channel: Channel[GenerationItem]) -> None:
        """Show frames until `channel` ends."""
        reported = False
        async for item in channel:
            if isinstance(item, VideoFrame):
                if self._show is not None:
                    await self._show(item)
            elif not reported and not isinstance(item, StreamTime):
                reported = True
                await self._context.send(Degraded("video generation is off: no model is loaded"))

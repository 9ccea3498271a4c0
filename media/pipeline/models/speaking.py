"""The speech synthesizer that all sessions share."""

from media.pipeline.interfaces import Samples, SpeechSynthesizer
from media.servers.device import JobQueue
from media.servers.server import ModelServer
from media.servers.urgency import Urgency
from models.streaming import Stateless


class SpeechServer(ModelServer[None, str, Samples]):
    """Text to speech: mono float32 (samples,) at `rate`, for one text at a time."""

    def __init__(self, synthesizer: SpeechSynthesizer, queue: JobQueue) -> None:
        super().__init__(Stateless(synthesizer.synthesize), queue, Urgency.ANSWER)
        self.rate = synthesizer.rate
        self.voice: str = getattr(synthesizer, "name", "default")

    async def synthesize(self, text: str) -> Samples:
        """Return `text` as speech."""
        (samples,) = await self.run(text)
        return samples

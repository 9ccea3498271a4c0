"""Which language a turn is in, and what recognizes it: decided once a turn."""

from dataclasses import dataclass

import numpy as np

from media.events.hearing import HearingNotice, LanguageDetected, ListeningConfig
from media.events.vision import Degraded
from media.frames import SAMPLE_RATE
from media.pipeline.context import SessionContext
from media.pipeline.interfaces import Samples
from media.pipeline.models.languages import AUTO, ENGLISH, Hearing
from models.asr.languages.codes import language_name
from models.errors import ModelError

UNKNOWN = ""  # the language of a turn that nothing can recognize


@dataclass(frozen=True, slots=True, eq=False)
class TurnLanguage:
    """The code of a language, and what recognizes it; None if that could not be loaded."""

    code: str
    hearing: Hearing | None


class TurnLanguages:
    """Decides the languages of one session's turns, and says which model hears them."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._last = ENGLISH  # of the turn before, until one was detected the first of all
        self._said: set[str] = set()

    async def decide(
        self, turn: int, config: ListeningConfig, sound: Samples, *, over: bool
    ) -> TurnLanguage | None:
        """Return the language of a turn of which `sound` is known; None if more must be heard.

        No more is coming if the turn is `over`.
        """
        servers, code = self._context.services.languages, config.language
        enough = self._context.limits.detection_time * SAMPLE_RATE
        if code == AUTO and len(sound) < enough and not over:
            return None
        try:
            if code == AUTO:
                await self._say_what_loads()
                code = await self._detect(turn, sound)
            if code != ENGLISH:
                await self._say_what_loads()
            hearing = await servers.hearing(code)
        except (ModelError, ValueError) as error:
            message = f"speech in {_named(config.language)} is not transcribed: {error}"
            await self._say(Degraded(message))
            return TurnLanguage(UNKNOWN, None)
        if code != ENGLISH:
            by = f"captions in {_named(code)} are by {servers.other.about}"
            await self._say(HearingNotice(by))
        return TurnLanguage(code, hearing)

    async def _detect(self, turn: int, sound: Samples) -> str:
        """Return the language of `sound`: the one before if none is likely enough."""
        longest = round(self._context.limits.detection_time * SAMPLE_RATE)
        heard = sound[: max(longest, SAMPLE_RATE)]
        found = await self._context.services.languages.detect(np.ascontiguousarray(heard))
        likely = found.probability >= self._context.limits.detection_confidence
        self._last = found.code if likely else self._last
        await self._context.send(LanguageDetected(turn, self._last, found.probability))
        return self._last

    async def _say_what_loads(self) -> None:
        other = self._context.services.languages.other
        if not other.loaded:
            await self._say(HearingNotice(f"loading {other.about}: captions wait for it once"))

    async def _say(self, output: Degraded | HearingNotice) -> None:
        """Send `output` unless the session has sent it before."""
        if output.message not in self._said:
            self._said.add(output.message)
            await self._context.send(output)


def _named(language: str) -> str:
    """Return `language` for users."""
    return "any language" if language == AUTO else language_name(language).title()

"""Recognition by language: English by the model of the service, all others by a multilingual one.

That is loaded when it is first needed, on a thread of its own: captions in English go on.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from media.errors import as_failure
from media.pipeline.interfaces import Samples
from media.pipeline.models.hearing import (
    FinalPassServer,
    RecognitionServer,
    TranslationServer,
    TurnRecognizer,
    TurnTranslator,
)
from media.servers.server import ModelServer
from media.servers.urgency import Urgency
from models.asr.languages.multilingual import Multilingual
from models.asr.whisper.decode import DetectedLanguage
from models.errors import ModelError
from models.streaming import Stateless, Stepping

logger = logging.getLogger(__name__)
ENGLISH = "en"
AUTO = "auto"


class MakesServer(Protocol):
    """Makes the server of a model of speech."""

    def __call__(self, model: Stepping[Any, Any, Any], urgency: Urgency) -> Any: ...


@dataclass(frozen=True, slots=True, eq=False)
class Hearing:
    """What recognizes one language."""

    recognizer: RecognitionServer
    final_pass: FinalPassServer | None = None


class LazyMultilingual:
    """A multilingual model that `make` loads when it is first needed; any thread may ask for it.

    Without `make` there is none: the service knows English only. `about` names it for users.
    """

    def __init__(
        self,
        languages: Collection[str] = (ENGLISH,),
        make: Callable[[], Multilingual] | None = None,
        *,
        about: str = "",
    ) -> None:
        self.languages = tuple(languages)
        self.about = about
        self._make = make
        self._lock = threading.Lock()
        self._future: Future[Multilingual] | None = None

    @property
    def loaded(self) -> bool:
        return self._future is not None and self._future.done()

    def start(self) -> Future[Multilingual]:
        """Return the model that is loaded, or is being loaded on a thread from now on.

        What failed before is tried again. The thread does not keep the process from ending.
        """
        with self._lock:
            failed = self.loaded and self._future and self._future.exception()
            if self._future is None or failed:
                self._future = future = Future[Multilingual]()
                future.set_running_or_notify_cancel()  # so that no waiter can cancel it
                threading.Thread(
                    target=self._load, args=(future,), name="languages", daemon=True
                ).start()
            return self._future

    def get(self) -> Multilingual:
        """Wait for the model.

        Raises:
            ModelError: there is none, or it cannot be downloaded or read.
        """
        return self.start().result()

    def _load(self, future: Future[Multilingual]) -> None:
        try:
            if self._make is None:
                raise ModelError("this service knows English only: see EYELINE_LANGUAGES")
            future.set_result(self._make())
        except BaseException as error:  # noqa: BLE001  (those who wait for it get it)
            logger.warning("no model of other languages: %s", error)
            future.set_exception(as_failure(error))


class LanguageServers:
    """The servers of each language, which all sessions share."""

    def __init__(self, english: Hearing, other: LazyMultilingual, serve: MakesServer) -> None:
        self.other = other
        self._serve = serve
        self._hearing = {ENGLISH: english}
        self._translators: dict[str, TranslationServer] = {}
        self._detector: ModelServer[None, Samples, DetectedLanguage] | None = None

    def with_english(self, english: Hearing) -> "LanguageServers":
        """Return these servers, but for English."""
        return LanguageServers(english, self.other, self._serve)

    def prepare(self) -> None:
        """Let the model of other languages be loaded beside everything else."""
        self.other.start()

    async def hearing(self, language: str) -> Hearing:
        """Return what recognizes `language`.

        Raises:
            ModelError: the model cannot be loaded.
            ValueError: it does not know the language.
        """
        if language not in self._hearing:
            model = await self._model()
            recognizer = TurnRecognizer(model.recognizer(language))
            final = model.final_pass(language)
            self._hearing[language] = Hearing(
                self._serve(recognizer, Urgency.INTERIM_CAPTION),
                None
                if final is None
                else self._serve(Stateless(final.transcribe), Urgency.FINAL_CAPTION),
            )
        return self._hearing[language]

    async def detect(self, samples: Samples) -> DetectedLanguage:
        """Return the language of `samples`, mono float32 at 16 kHz.

        Raises:
            ModelError: the model cannot be loaded.
        """
        if self._detector is None:
            detector = (await self._model()).detector
            self._detector = self._serve(Stateless(detector.detect), Urgency.INTERIM_CAPTION)
        (found,) = await self._detector.run(samples)
        return found

    async def translator(self, language: str) -> TranslationServer:
        """Return what translates `language` to English.

        Raises:
            ModelError: the model cannot be loaded.
            ValueError: it does not know the language.
        """
        if language not in self._translators:
            translator = TurnTranslator((await self._model()).translator(language))
            self._translators[language] = self._serve(translator, Urgency.TRANSLATION)
        return self._translators[language]

    async def _model(self) -> Multilingual:
        return await asyncio.wrap_future(self.other.start())

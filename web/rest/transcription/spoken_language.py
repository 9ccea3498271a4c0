"""The language of an uploaded file: what a client asks for, and what is detected."""

from dataclasses import dataclass
from typing import Any

from media.pipeline.models.languages import AUTO, ENGLISH
from models.asr.languages.codes import language_name
from models.asr.whisper.decode import DetectedLanguage
from models.asr.whisper.tokenizer import Task
from web.context import ServiceContext
from web.problems import ProblemError


@dataclass(slots=True)
class SpokenLanguage:
    """The language that a client `asked` for, or AUTO; then the one that is `detected`."""

    asked: str
    task: Task
    detected: DetectedLanguage | None = None

    @property
    def name(self) -> str:
        """The English name of the text's language, as OpenAI's service has it."""
        if self.task == "translate":
            return language_name(ENGLISH)
        code = self.asked if self.detected is None else self.detected.code
        return "unknown" if code == AUTO else language_name(code)

    @property
    def fields(self) -> dict[str, Any]:
        """What `verbose_json` says about the detection."""
        if self.detected is None:
            return {}
        found = self.detected
        known = {"language": found.code, "probability": round(found.probability, 3)}
        return {"detected_language": known}


def asked_language(context: ServiceContext, named: str, task: Task) -> str:
    """Return the language to hear: the one that is `named`, or the service's choice.

    A translation is of any language. What is not among the service's languages is refused.

    Raises:
        ProblemError: the service does not have that language, or none to translate from.
    """
    capabilities = context.capabilities
    if task == "translate" and capabilities.languages == (ENGLISH,):
        raise ProblemError(
            400,
            "this service knows English only, so there is nothing to translate: EYELINE_LANGUAGES",
            code="language_not_available",
        )
    language = named or (AUTO if task == "translate" else capabilities.language)
    if language in (AUTO, *capabilities.languages):
        return language
    have = ", ".join(capabilities.languages)
    raise ProblemError(
        400,
        f"language: {language_name(language).title()} is not among the languages of this service: "
        f"auto, {have} (EYELINE_LANGUAGES)",
        code="language_not_available",
        param="language",
    )

"""Settings of the languages that are heard, and of their translation."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from web.settings.checks import CommaSeparated, known_language, known_languages

MEASURED = ("en", "de", "es", "fr", "it", "ru")  # docs/languages.md has their word errors


class LanguageSettings(BaseSettings):
    """Which languages clients may choose, how one is detected, and when speech is translated."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    language: Annotated[str, AfterValidator(known_language)] = "en"
    """language of speech whose client names none: a code such as de, or auto, which detects that of
    each turn and each file"""
    languages: Annotated[CommaSeparated, AfterValidator(known_languages)] = MEASURED
    """languages that clients may choose and among which one is detected, comma-separated codes of
    Whisper's languages; the default ones were measured (docs/languages.md). All but en need
    Whisper base, which is loaded, and downloaded if it is missing, when the first one is spoken"""
    detection_time: float = Field(2.0, ge=0.5, le=30)
    """seconds of a turn after which its language is detected, if it is not over before"""
    detection_confidence: float = Field(0.6, ge=0, le=1)
    """probability below which a detected language is not believed, and a turn is taken for one in
    the language of the turn before it"""
    translation_interval: float = Field(2.0, ge=0.5, le=30)
    """seconds of sound after which a turn in progress is translated again"""

    @model_validator(mode="after")
    def _check_language(self) -> Self:
        if self.language not in ("auto", *self.languages):
            raise ValueError(
                f"expected EYELINE_LANGUAGE to be auto or one of EYELINE_LANGUAGES "
                f"({', '.join(self.languages)}), got {self.language}"
            )
        return self

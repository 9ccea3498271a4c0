"""Settings of who speaks."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class SpeakerSettings(BaseSettings):
    """Whether voices are told apart, and how many."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    speakers: bool = True
    """tell voices apart, and label captions once more than one person speaks; what is known of
    voices is kept in memory only, for as long as the session or the transcription takes"""
    max_speakers: int = Field(8, ge=2, le=32)
    """maximum number of voices told apart in one session or file"""

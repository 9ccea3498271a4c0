"""Settings of what is looked at and read in the video."""

from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class SeeingSettings(BaseSettings):
    """How often frames are analyzed, and how much text is read."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    look_every: float = Field(0.5, gt=0)
    """minimum interval between analyzed frames in seconds, if the scene changes"""
    look_attentive: float = Field(0.5, gt=0)
    """the same while someone speaks or a standing request is active"""
    look_glance: float = Field(0.2, ge=0, le=1)
    """seconds after the analysis of a frame with a person at which the body alone is looked at
    again, to tell waving and walking; 0 looks only once"""
    look_still: float = Field(2.0, gt=0)
    """interval between analyzed frames in seconds, if the scene does not change"""
    look_wait: float = Field(0.5, gt=0)
    """seconds that a frame waits at most for its analysis, which other work comes before"""
    read_text: bool = True
    """let the small model read text in the video when a question or standing request is about it"""
    text_side: int = Field(960, ge=64, le=4096)
    """longer side in pixels of the picture in which text is searched; larger finds smaller text, in
    more time"""
    text_lines: int = Field(24, ge=1, le=1000)
    """maximum number of lines that are read for a question, those with the largest letters"""
    text_every: float = Field(2.0, ge=0)
    """minimum interval in seconds between readings while a standing request is about text"""

    @model_validator(mode="after")
    def _check_looks(self) -> Self:
        if not self.look_attentive <= self.look_every <= self.look_still:
            raise ValueError(
                "expected EYELINE_LOOK_ATTENTIVE <= EYELINE_LOOK_EVERY <= EYELINE_LOOK_STILL"
            )
        return self

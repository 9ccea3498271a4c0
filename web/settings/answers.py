"""Settings of an outside model that answers questions, and of functions of the user's."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from web.settings.checks import CommaSeparated, function_name, header_value, http_url, known_tools


class AnswerSettings(BaseSettings):
    """Where the model is, what it is sent, and how long it may take."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    answers_url: Annotated[str, AfterValidator(http_url)] | None = None
    """server of OpenAI's chat completions that answers questions, such as http://localhost:8080/v1
    (llama.cpp, vLLM, Ollama, SGLang or a hosted one); if not set, the packaged model answers"""
    answers_model: str = ""
    """name of the model there; not every server needs one"""
    answers_key: Annotated[SecretStr, AfterValidator(header_value)] | None = None
    """key for that server"""
    handler: Annotated[str, AfterValidator(function_name)] | None = None
    """function of your own that answers questions instead of such a server:
    package.module:function"""
    frame_filter: Annotated[str, AfterValidator(function_name)] | None = None
    """function of your own that video passes through before it comes back to the client:
    package.module:function"""
    frame_filter_wait: float = Field(1.0, gt=0)
    """seconds within which that function must return a picture"""
    answers_fallback: bool = True
    """let the packaged model answer if that server or function fails; otherwise the answer fails"""
    answers_pictures: Literal["auto", "yes", "no"] = "auto"
    """whether that model takes pictures: yes, no, or auto, which sends them until it refuses them;
    without pictures it answers from notes of what was seen"""
    answers_picture_count: int = Field(8, ge=0, le=100)
    """maximum number of pictures that a question comes with"""
    answers_looks: int = Field(4, ge=0, le=16)
    """how many of those are the last frames that were analyzed; the others are of moments that the
    question is about. A video language model of the hub reads as many of its last frames"""
    answers_picture_size: int = Field(512, ge=16, le=4096)
    """longer side of those pictures in pixels"""
    answers_picture_space: int = Field(256, ge=1)
    """disk space for the pictures of one session in MB; the oldest are deleted first"""
    answers_moments: int = Field(12, ge=0, le=1000)
    """maximum number of remembered moments that a question comes with"""
    answers_by_scope: bool = True
    """show a model only what a question is about: the last looks if it is about now, remembered
    moments if it is about the past, both if that is not sure; otherwise always both"""
    answers_history: int = Field(20, ge=0, le=1000)
    """how many turns of the conversation a question comes with"""
    video_history: int = Field(512, ge=0, le=16384)
    """the same for a video language model of the hub, in tokens"""
    answers_tools: Annotated[CommaSeparated, AfterValidator(known_tools)] = ()
    """functions on the session that this model may call itself, comma-separated: search_memory,
    look_now, recent_frames, draw; not every model and server can"""
    answers_tokens: int = Field(512, ge=1)
    """maximum number of tokens of an answer"""
    answers_length: int = Field(20_000, ge=1)
    """maximum number of characters of an answer, for servers and functions that do not stop"""
    answers_first_wait: float = Field(60.0, gt=0)
    """seconds within which an answer must begin"""
    answers_next_wait: float = Field(20.0, gt=0)
    """seconds that an answer may pause"""
    answers_retry_wait: float = Field(5.0, ge=0)
    """longest time in seconds after which a busy server is asked once more, if it wants that"""

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if self.answers_url is not None and self.handler is not None:
            raise ValueError("expected either EYELINE_ANSWERS_URL or EYELINE_HANDLER, not both")
        return self

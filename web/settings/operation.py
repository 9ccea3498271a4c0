"""Settings for those who operate the service."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from web.log_lines import LogFormat
from web.settings.checks import http_url


class OperationSettings(BaseSettings):
    """What the service logs, and how it ends."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """lowest level that is logged"""
    log_format: LogFormat = "text"
    """form of log lines: text, or json, which is an object a line with the id of the session"""
    drain: float = Field(0.0, ge=0)
    """seconds that live sessions have to end after SIGTERM, while no new one starts; 0 ends them at
    once, as Ctrl-C and a second SIGTERM do"""
    disk_timeout: float = Field(30.0, gt=0)
    """seconds that the disk may take to write a part of a recording; then the session is not
    recorded any more, and goes on"""
    traces: Annotated[str, AfterValidator(http_url)] | None = None
    """URL of an OpenTelemetry collector (OTLP over HTTP), such as http://localhost:4318, that gets
    a trace of each turn; needs the extra `traces`"""
    hang_timeout: float = Field(300.0, ge=0)
    """seconds that one computation of a model may take: a longer one hangs and is given up, so that
    its session or request ends with an error and others go on; 0 waits for ever"""

"""Settings, read once, when the process starts: the only module that looks at the environment.

`python -m web.config` prints docs/settings.md.
"""

import difflib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.generation.chunk_request import FRAME_RATE
from models.weights.hub_catalog import HUB_MODELS
from web.errors import SettingsError
from web.setting_checks import (
    SMALL,
    CommaSeparated,
    http_url,
    known_chunk,
    known_final_model,
    known_generation_model,
    known_model,
    known_video_model,
    urls_with_scheme,
)

PREFIX = "EYELINE_"
CHECKOUT = Path(__file__).resolve().parent.parent
OPTION_NAMES = {"asr_model": "--model", "asr_chunk": "--chunk"}  # options that have another name


def default_weights() -> Path:
    """Return `.cache/eyeline/weights` in the checkout, or in the user's cache where installed."""
    if (CHECKOUT / "pyproject.toml").is_file():
        return CHECKOUT / ".cache" / "eyeline" / "weights"
    return Path.home() / ".cache" / "eyeline" / "weights"


class Settings(BaseSettings):
    """Every knob of the service; each is an environment variable EYELINE_<NAME>."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True
    )

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(
        7860, ge=0, le=65535, description="TCP port of HTTP and WebSocket; 0 takes any free one"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severe message that is logged"
    )
    weights: Path = Field(
        default_factory=default_weights, description="folder that keeps the fetched weights"
    )
    hub: Annotated[str, AfterValidator(http_url)] = Field(
        "https://huggingface.co", description="model hub that `eyeline pull` asks, or its mirror"
    )
    hub_token: SecretStr | None = Field(
        None, description="token of an account on that hub, for models that need one"
    )
    asr_model: Annotated[str, AfterValidator(known_model)] = Field(
        "tiny.en",
        description="speech recognition model: tiny.en, base, or the path of an OpenAI .pt file, "
        "a CTranslate2 folder or a Hugging Face folder",
    )
    asr: Literal["causal", "local-agreement", "ancat", "offline"] = Field(
        "local-agreement",
        description="how sessions are heard: causal, local-agreement, ancat or offline",
    )
    asr_chunk: Annotated[int, AfterValidator(known_chunk)] = Field(
        300, description="milliseconds that causal waits for: 100, 300 or 1000; more is truer"
    )
    final_model: Annotated[str, AfterValidator(known_final_model)] | None = Field(
        None,
        description="corrects the caption of a turn that is over: tiny.en, base, a path or none; "
        "where not set, the speech recognition model after causal and ancat, else none",
    )
    video_model: Annotated[str, AfterValidator(known_video_model)] = Field(
        SMALL,
        description="model that sees and answers: small, or one that `eyeline pull` fetched, or "
        "the path of a LLaVA-OneVision or Qwen2.5-VL folder from Hugging Face",
    )
    threads: int | None = Field(
        None, ge=1, le=1024, description="CPU threads of a model; half of the cores where not set"
    )
    sessions: int = Field(
        100, ge=1, description="sessions at once; above that: HTTP 503 or close code 1013"
    )
    silence_timeout: float = Field(
        600.0,
        ge=0,
        description="seconds without any media or message after which a session is ended; 0: never",
    )
    max_upload_size: int = Field(
        512 * 1024 * 1024, ge=1, description="largest body of a request, in bytes"
    )
    max_message_size: int = Field(
        16 * 1024 * 1024,
        ge=1024,
        description="largest WebSocket message or chat completion request, in bytes",
    )
    max_media_hours: float = Field(
        4.0, gt=0, description="longest media file that is transcribed or replayed, in hours"
    )
    captions_kept: float = Field(
        3600.0, ge=0, description="seconds for which the captions of an ended session are kept"
    )
    speech_threshold: float = Field(
        0.5, gt=0, lt=1, description="probability of speech that starts a turn"
    )
    speech_silence: float = Field(
        0.5, gt=0, description="seconds without speech that end a turn, where a client says nothing"
    )
    speech_padding: float = Field(
        0.3, ge=0, description="seconds before the first speech that belong to a turn"
    )
    api_key: SecretStr | None = Field(
        None, description="key that clients must send as Authorization: Bearer; none where not set"
    )
    origins: CommaSeparated = Field(
        (), description="web origins that may call from another site, comma-separated; * for any"
    )
    stun_urls: Annotated[CommaSeparated, urls_with_scheme("stun", "stuns")] = Field(
        (), description="STUN servers offered to clients, comma-separated: stun:HOST:PORT"
    )
    turn_urls: Annotated[CommaSeparated, urls_with_scheme("turn", "turns")] = Field(
        (),
        description="TURN servers offered to clients, comma-separated: "
        "turn:HOST:PORT?transport=udp or turns:HOST:PORT",
    )
    turn_secret: SecretStr | None = Field(
        None, description="the TURN server's static-auth-secret, from which credentials are minted"
    )
    turn_ttl: int = Field(
        3600, ge=60, le=86400, description="seconds for which a minted TURN credential is valid"
    )
    recordings: Path | None = Field(
        None, description="folder that gets a recording of every session; none where not set"
    )

    memory_ram: int = Field(
        64, ge=16, description="MB of RAM for what one session has seen; older goes to disk"
    )
    memory_disk: int = Field(
        4096,
        ge=0,
        description="MB of disk for what one session has seen; then it stops remembering",
    )
    memory_folder: Path | None = Field(
        None,
        description="folder for what sessions see while they last, where they are not recorded; "
        "the system's temporary folder where not set",
    )

    drawing_model: Annotated[str, AfterValidator(known_generation_model)] = Field(
        SMALL,
        description="model that draws: small, if it is there; none; a folder with "
        "codec.safetensors and drawing.safetensors; or, on a GPU, rolling-forcing, self-forcing or "
        "longlive, which `eyeline pull` fetches",
    )
    drawings: int = Field(2, ge=1, description="sessions that draw at once; others wait")
    drawing_rate: float = Field(
        float(FRAME_RATE), ge=1, le=60, description="drawn pictures a second"
    )
    drawing_side: int = Field(
        320,
        ge=16,
        le=4096,
        description="shorter side of drawn pictures as they are sent, in pixels; smaller ones "
        "are enlarged",
    )
    prompt_length: int = Field(1000, ge=1, description="most characters of a prompt to draw")
    track_points: int = Field(
        2000, ge=1, description="most points of a track in a message, and that wait for a thing"
    )
    questions: int = Field(
        16,
        ge=1,
        description="questions by /v1/chat/completions that are answered at once; above that: "
        "HTTP 429",
    )
    look_every: float = Field(
        0.5, gt=0, description="least seconds between two looks at a picture that changes"
    )
    look_attentive: float = Field(
        0.5,
        gt=0,
        description="the same while somebody speaks, or waits to be told of something",
    )
    look_still: float = Field(
        2.0, gt=0, description="seconds between two looks at a picture that stays the same"
    )
    longest_turn: float = Field(
        30.0, ge=5, le=30, description="seconds of speech after which a brief silence ends a turn"
    )
    hurry: float = Field(
        1.5,
        gt=0,
        description="seconds that captions may be behind before those that would still change "
        "are passed over",
    )
    video_size: int = Field(
        1280,
        ge=160,
        le=7680,
        description="longer side of the pictures of a call, in pixels; larger ones are scaled down",
    )
    frame_rate: float = Field(
        30.0, ge=1, le=60, description="most pictures a second that go back to the client of a call"
    )
    connect_timeout: float = Field(20.0, gt=0, description="seconds that a call gets to connect")
    call_timeout: float = Field(
        10.0, gt=0, description="seconds without anything from the peer after which a call ends"
    )

    @model_validator(mode="after")
    def _check_looks(self) -> Self:
        if not self.look_attentive <= self.look_every <= self.look_still:
            raise ValueError(
                f"expected {PREFIX}LOOK_ATTENTIVE <= {PREFIX}LOOK_EVERY <= {PREFIX}LOOK_STILL"
            )
        return self

    @model_validator(mode="after")
    def _check_turn(self) -> Self:
        if self.turn_urls and self.turn_secret is None:
            raise ValueError(
                f"{PREFIX}TURN_URLS needs {PREFIX}TURN_SECRET: that server's static-auth-secret"
            )
        return self

    @property
    def video_model_folder(self) -> Path:
        """Where the video model lies, if it is not the small one."""
        if self.video_model in HUB_MODELS:
            return self.weights / self.video_model
        return Path(self.video_model)

    @property
    def threads_in_use(self) -> int:
        """CPU threads that a model gets."""
        return self.threads or max(1, (os.cpu_count() or 1) // 2)

    @property
    def asr_workers(self) -> int:
        """How many sessions are recognised side by side, each on `threads_in_use` threads."""
        return max(1, (os.cpu_count() or 1) // self.threads_in_use)


def read_settings(**overrides: object) -> Settings:
    """Return the settings of this process; `overrides` that are not None win over variables.

    Raises:
        SettingsError: a variable is unknown or its value cannot be used.
    """
    _refuse_unknown(os.environ)  # noqa: TID251
    values = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_describe(error, frozenset(values))) from error


def _refuse_unknown(variables: Iterable[str]) -> None:
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for name in variables:
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1)
            hint = f"did you mean {near[0]}?" if near else "docs/settings.md lists them all"
            raise SettingsError(f"unknown setting {name}: {hint}")


def _describe(error: ValidationError, overridden: frozenset[str]) -> str:
    """Return one line for the first problem, naming what the user typed."""
    problem = error.errors(include_url=False)[0]
    reason = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return reason
    field = str(problem["loc"][0])
    name = OPTION_NAMES.get(field, f"--{field}") if field in overridden else PREFIX + field.upper()
    value = (
        "the value given" if _is_secret(Settings.model_fields[field]) else repr(problem["input"])
    )
    return f"{name}: {reason}, got {value}"


def _is_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation)


if __name__ == "__main__":
    from web.settings_page import settings_page

    sys.stdout.write(settings_page())

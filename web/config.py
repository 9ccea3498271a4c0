"""Settings from environment variables, read once; no other module reads the environment."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from models.weights.hub_catalog import HUB_MODELS
from web.errors import SettingsError
from web.settings.access import AccessSettings
from web.settings.answers import AnswerSettings
from web.settings.checks import (
    SMALL,
    CommaSeparated,
    known_chunk,
    known_device,
    known_final_model,
    known_generation_model,
    known_model,
    known_video_model,
    port_range,
    urls_with_scheme,
)
from web.settings.cluster import ClusterSettings
from web.settings.errors import describe, refuse_unknown
from web.settings.languages import LanguageSettings
from web.settings.operation import OperationSettings
from web.settings.seeing import SeeingSettings
from web.settings.speakers import SpeakerSettings
from web.settings.weights import WeightSettings

PREFIX = "EYELINE_"


class Settings(
    AccessSettings,
    LanguageSettings,
    ClusterSettings,
    OperationSettings,
    AnswerSettings,
    SeeingSettings,
    SpeakerSettings,
    WeightSettings,
):
    """The settings of the service; each is an environment variable EYELINE_<NAME>."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        env_ignore_empty=True,
        use_attribute_docstrings=True,
    )

    host: str = Field("127.0.0.1", min_length=1)
    """address to listen on"""
    port: int = Field(7860, ge=0, le=65535)
    """TCP port of HTTP and WebSocket; 0 picks a free port"""
    backend: Literal["auto", "torch", "onnxruntime", "tensorrt", "tensorrt_rtx"] = "auto"
    """what runs the networks: torch, onnxruntime (on the CPU), tensorrt or tensorrt_rtx (on a GPU),
    or auto, which picks the quickest that runs"""
    device: Annotated[str, AfterValidator(known_device)] = "auto"
    """where models run: cpu, cuda or cuda:N, or auto, which is the first GPU if there is one"""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """numbers of all models: auto is float16 on a GPU, bfloat16 for models of the hub; on a CPU it
    is float32, with matrices of 8 bits where they are as good"""
    asr_model: Annotated[str, AfterValidator(known_model)] = "tiny.en"
    """speech recognition model: tiny.en, base, or the path of an OpenAI .pt file, a CTranslate2
    folder or a Hugging Face folder"""
    asr: Literal["causal", "local-agreement", "ancat", "offline"] = "local-agreement"
    """streaming recognition algorithm: causal, local-agreement, ancat or offline (each turn at its
    end)"""
    asr_chunk: Annotated[int, AfterValidator(known_chunk)] = 300
    """chunk size of causal in milliseconds: 100, 300 or 1000; larger chunks are more accurate"""
    final_model: Annotated[str, AfterValidator(known_final_model)] | None = None
    """model of the final pass over each finished turn: tiny.en, base, a path or none; if not set,
    the speech recognition model with causal, ancat and languages other than English, otherwise
    none"""
    video_model: Annotated[str, AfterValidator(known_video_model)] = SMALL
    """model that answers questions about video: small, a model downloaded by `eyeline pull`, or the
    path of a LLaVA-OneVision, Qwen2.5-VL, Qwen3-VL or SmolVLM2 folder from Hugging Face"""
    threads: int | None = Field(None, ge=1, le=1024)
    """CPU threads of each model; half of the cores if not set"""
    computations: int | None = Field(None, ge=1, le=1024)
    """computations of models on the CPU at the same time, each on `threads` threads; others wait,
    the most urgent first; if not set, one a core up to 4, and more if the cores can run them"""
    speech_batch: int | None = Field(None, ge=1, le=16)
    """streams of speech in one run of a network; if not set, 16 on a GPU, and 1 on a CPU, where
    more are no quicker: their matrices keep 32 bits, as results would depend on each other"""
    warm_up: bool = True
    """use each model once before the service listens, so that the first user does not wait"""
    sessions: int = Field(100, ge=1)
    """maximum number of concurrent sessions; others get HTTP 503 or close code 1013"""
    busy: float = Field(1.0, ge=0)
    """mean seconds that speech waited for the processor in the last ten, from which new sessions
    get HTTP 503 or close code 1013; 0 admits them however busy the service is"""
    secret_sessions: int = Field(4, ge=1)
    """maximum number of concurrent sessions of one client secret; others get HTTP 429 or close code
    1013"""
    secret_requests: int = Field(32, ge=4)
    """maximum number of requests of one client secret that are in progress, WebSockets and streams
    included; others get HTTP 429"""
    viewers: int = Field(8, ge=0)
    """maximum number of viewers of one session (WHEP); others get HTTP 503"""
    secret_viewers: int = Field(2, ge=1)
    """of them, those that came with one client secret that may only watch; others get HTTP 429"""
    silence_timeout: float = Field(600.0, ge=0)
    """seconds without media or messages after which a session ends; 0 turns this off"""
    websocket_timeout: float = Field(60.0, gt=0)
    """seconds without anything from a WebSocket client, answers to pings included, or in which it
    reads nothing, after which its connection is closed"""
    max_upload_size: int = Field(512 * 1024 * 1024, ge=1)
    """maximum size of a request body in bytes"""
    upload_space: int = Field(2 * 1024 * 1024 * 1024, ge=1)
    """bytes of uploaded files that are stored before their transcription; further uploads wait"""
    uploads: int = Field(8, ge=1)
    """maximum number of uploaded files transcribed at once; others wait in the order of arrival"""
    waiting: int = Field(256, ge=0)
    """maximum number of requests that wait for their turn, of each kind; others get HTTP 429"""
    max_message_size: int = Field(16 * 1024 * 1024, ge=1024)
    """maximum size of a WebSocket message or chat completion request in bytes"""
    connections: int = Field(1000, ge=1)
    """maximum number of open HTTP and WebSocket connections; idle ones make room for new ones"""
    head_timeout: float = Field(10.0, gt=0)
    """seconds in which a client must send the head of a request"""
    read_timeout: float = Field(30.0, gt=0)
    """seconds in which a client must go on to read a response"""
    body_timeout: float = Field(60.0, gt=0)
    """seconds that the client may take to send a request body, and longer if it is large"""
    body_pace: float = Field(16384.0, gt=0)
    """bytes of a request body that give the client another second to send it"""
    image_pixels: int = Field(64, ge=1, le=178)
    """maximum size of an image file in millions of pixels"""
    image_timeout: float = Field(10.0, gt=0)
    """seconds within which an image file must be decoded"""
    image_memory: int = Field(1024, ge=128)
    """memory for decoding an image file in MB, for each decoder (on Linux)"""
    image_decoders: int = Field(2, ge=1, le=64)
    """processes that decode image files; each starts when it is first needed"""
    max_media_hours: float = Field(4.0, gt=0)
    """maximum length of a media file that is transcribed or replayed, in hours"""
    captions_kept: float = Field(3600.0, ge=0)
    """seconds for which the captions of an ended session are kept"""
    speech_threshold: float = Field(0.5, gt=0, lt=1)
    """speech probability that starts a turn"""
    speech_silence: float = Field(0.5, gt=0)
    """seconds of silence that end a turn, unless the client sets them"""
    speech_padding: float = Field(0.3, ge=0)
    """seconds before the start of speech that belong to the turn"""
    stun_urls: Annotated[CommaSeparated, urls_with_scheme("stun", "stuns")] = ()
    """STUN servers offered to clients, comma-separated: stun:HOST:PORT"""
    turn_urls: Annotated[CommaSeparated, urls_with_scheme("turn", "turns")] = ()
    """TURN servers offered to clients, comma-separated: turn:HOST:PORT?transport=udp or
    turns:HOST:PORT"""
    turn_secret: SecretStr | None = None
    """static-auth-secret of the TURN server, from which credentials are generated"""
    turn_ttl: int = Field(3600, ge=60, le=86400)
    """lifetime of TURN credentials in seconds"""
    recordings: Path | None = None
    """folder for recordings of all sessions; nothing is recorded if not set"""
    playback_time: float = Field(3600.0, gt=0)
    """seconds for which the address of a recording's video can be played, once it was asked for"""
    memory_ram: int = Field(64, ge=16)
    """RAM for one session's memory in MB; older entries move to disk"""
    memory_disk: int = Field(4096, ge=0)
    """disk space for one session's memory in MB; when it is full, nothing more is remembered"""
    memory_moments: int = Field(10_000, ge=2000)
    """moments of a session that the small model knows at once; of older ones, those that show the
    same as their neighbors are left out"""
    memory_bits: Literal["all", "8", "4"] = "all"
    """bits of each number in the memory of a video language model; the small model stores 8"""
    memory_folder: Path | None = None
    """folder for memories that are not kept: of running sessions that are not recorded, and of
    `eyeline ask` and `eyeline replay`; if not set, /var/tmp, or the folder that TMPDIR names"""
    drawing_model: Annotated[str, AfterValidator(known_generation_model)] = SMALL
    """video generation model: small, if its files are there; none; a folder with codec.safetensors
    and drawing.safetensors; or, on a GPU, rolling-forcing, self-forcing, longlive, causal-forcing,
    causal-forcing-2step, causal-forcing-1step or longlive-2, downloaded by `eyeline pull`"""
    drawings: int = Field(2, ge=1)
    """maximum number of sessions that generate video at once; others wait"""
    drawing_rate: float | None = Field(None, ge=1, le=60)
    """generated frames per second; if not set, those of the model: 24 for longlive-2, otherwise 16
    """
    drawing_enlarged: bool = True
    """whether a small network makes the small video generation model's frames larger and clearer,
    for a sixth of a core at 16 frames a second"""
    drawing_side: int = Field(288, ge=16, le=4096)
    """minimum shorter side of generated frames in pixels; smaller frames are interpolated"""
    drawing_rows: int = Field(0, ge=0)
    """rows of each layer that the decoder of a Wan model computes at once, or all (0): fewer take
    less memory and a little more time"""
    drawing_looks: int = Field(8, ge=0, le=64)
    """maximum number of pictures of its own that a session may draw; 0 takes none"""
    prompt_length: int = Field(1000, ge=1)
    """maximum length of a generation prompt in characters"""
    track_points: int = Field(2000, ge=1)
    """maximum number of track points in one message, and queued for one thing"""
    questions: int = Field(16, ge=1)
    """maximum number of /v1/chat/completions questions answered at once; others wait in the
    order of arrival"""
    longest_turn: float = Field(30.0, ge=5, le=30)
    """seconds of speech after which a short silence ends a turn"""
    longest_gap: float = Field(1.0, gt=0, le=30)
    """seconds without audio packets, or missing between two, after which a turn ends"""
    audio_wait: float = Field(0.5, ge=0, le=2)
    """seconds that a call waits at most for audio packets that are late or asked for again; where
    none is missing, it never waits"""
    video_wait: float = Field(0.4, ge=0, le=1)
    """seconds that a call waits at most for video packets that are late or asked for again, before
    it asks for a keyframe and goes on with that; where none is missing, it never waits"""
    hurry: float = Field(1.5, gt=0)
    """caption lag in seconds above which interim captions are skipped"""
    late: float = Field(3.0, gt=0)
    """delay of captions or of the analysis of video in seconds, from which clients are told"""
    video_size: int = Field(1280, ge=160, le=7680)
    """maximum longer side of video frames in a call, in pixels; larger frames are scaled down"""
    frame_rate: float = Field(30.0, ge=1, le=60)
    """maximum frame rate of video sent back to the client of a call"""
    steering: bool = True
    """tell clients of calls how many bits and frames to send, and where in the picture"""
    send_bitrate: int = Field(2_500_000, ge=100_000)
    """highest bitrate in bit/s of all that is sent to a client of a call"""
    client_bitrate: int = Field(3_150_000, ge=30_000)
    """highest bitrate in bit/s that clients of calls are asked to send video with"""
    returned_frame_rate: float = Field(15.0, ge=1, le=60)
    """lowest frame rate that clients are asked for whose video is returned; others send what the
    analysis needs"""
    usable_frames: float = Field(0.98, gt=0, lt=1)
    """chance of a usable frame for each analysis, from which the frame rate follows under loss"""
    connect_timeout: float = Field(20.0, gt=0)
    """seconds within which a call must connect"""
    call_timeout: float = Field(30.0, gt=0)
    """seconds without any packet from the peer after which the connection of a call ends; answers
    to consent checks count, and packets of others do not"""
    lost_timeout: float = Field(2.5, gt=0)
    """the same after which the client of a call counts as lost, within half a second"""
    resume_timeout: float = Field(60.0, ge=0, le=3600)
    """seconds for which a session whose client is lost waits for it to come back; with 0 it ends
    with the connection. Sessions that wait count as concurrent"""
    revive_timeout: float = Field(3600.0, ge=0)
    """seconds without a service, after which a recorded call that it was killed in does not go on:
    they include the start of the next one"""
    media_ports: Annotated[str, AfterValidator(port_range)] | None = None
    """UDP ports for media, for firewalls and containers: FIRST-LAST; if not set, any. A call takes
    one for each address of the machine, a viewer too"""
    gathering_timeout: float = Field(0.5, gt=0, le=10)
    """seconds that STUN servers have to tell the service its addresses before a call is answered"""

    @model_validator(mode="after")
    def _check_turn(self) -> Self:
        if self.turn_urls and self.turn_secret is None:
            raise ValueError(
                f"{PREFIX}TURN_URLS needs {PREFIX}TURN_SECRET: the static-auth-secret of the server"
            )
        if self.turn_urls and not self.needs_key:
            raise ValueError(
                f"{PREFIX}TURN_URLS needs {PREFIX}API_KEY or {PREFIX}KEYS: anybody could relay "
                "through your TURN server otherwise"
            )
        return self

    @property
    def needs_key(self) -> bool:
        """Whether clients need a key."""
        return self.api_key is not None or self.keys is not None

    @property
    def video_model_folder(self) -> Path:
        """The folder of the video model, if it is not the small one."""
        if self.video_model in HUB_MODELS:
            return self.weights / self.video_model
        return Path(self.video_model)

    @property
    def threads_in_use(self) -> int:
        """CPU threads of each model."""
        return self.threads or max(1, (os.cpu_count() or 1) // 2)

    @property
    def computations_in_use(self) -> int:
        """Computations of models at once, each on `threads_in_use` threads."""
        cores = os.cpu_count() or 1
        return self.computations or max(cores // self.threads_in_use, min(cores, 4))


def read_settings(**overrides: object) -> Settings:
    """Return the settings of this process; `overrides` that are not None take precedence.

    Raises:
        SettingsError: a variable is unknown or its value is invalid.
    """
    refuse_unknown(os.environ, PREFIX, Settings.model_fields)  # noqa: TID251
    values = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(describe(error, PREFIX, Settings.model_fields, values)) from error

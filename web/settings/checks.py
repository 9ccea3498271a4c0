"""Validators of settings."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated

import httpx
from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from media.pipeline.outside.tool_schemas import TOOLS
from models.asr.languages.codes import language_code
from models.weights.hub_catalog import VIDEO_GENERATORS, VIDEO_LLMS
from rtc.ice_servers import IceEndpoint
from rtc.ports import PortRange

ASR_MODELS = ("tiny.en", "base")
WAN_MODELS = tuple(VIDEO_GENERATORS)  # on Wan, for a GPU
CHUNKS = (100, 300, 1000)  # milliseconds
SMALL = "small"  # the packaged models: of the assistant and of video generation


def split_commas(value: object) -> object:
    """Split the comma-separated text of an environment variable; return other values unchanged."""
    if not isinstance(value, str):
        return value
    return tuple(part for part in (piece.strip() for piece in value.split(",")) if part)


def known_model(name: str) -> str:
    """Check that `name` is a packaged model or an existing path."""
    if name in ASR_MODELS or Path(name).exists():
        return name
    raise ValueError(f"expected {', '.join(ASR_MODELS)} or the path of a file or folder")


def known_chunk(milliseconds: int) -> int:
    """Check that causal models support chunks of `milliseconds`."""
    if milliseconds not in CHUNKS:
        raise ValueError(f"expected {', '.join(map(str, CHUNKS))} milliseconds")
    return milliseconds


def known_device(name: str) -> str:
    """Check that `name` is auto, cpu, cuda or cuda:N."""
    if name in ("auto", "cpu", "cuda") or re.fullmatch(r"cuda:\d{1,2}", name):
        return name
    raise ValueError("expected auto, cpu, cuda or cuda:N")


def known_final_model(name: str) -> str:
    """Check that `name` is a packaged model, an existing path, or none."""
    return name if name == "none" else known_model(name)


def known_video_model(name: str) -> str:
    """Check that `name` is a video model or an existing folder."""
    if name in (SMALL, *VIDEO_LLMS) or Path(name).is_dir():
        return name
    raise ValueError(f"expected {', '.join((SMALL, *VIDEO_LLMS))} or the path of a folder")


def known_generation_model(name: str) -> str:
    """Check that `name` is a generation model, an existing folder, or none."""
    if name in (SMALL, "none", *WAN_MODELS) or Path(name).is_dir():
        return name
    raise ValueError(f"expected {', '.join((SMALL, 'none', *WAN_MODELS))} or the path of a folder")


def urls_with_scheme(*schemes: str) -> AfterValidator:
    """Return a check that each URL is a STUN or TURN URL with one of `schemes`."""

    def check(urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            try:
                scheme = IceEndpoint.parse(url).scheme
            except ValueError:
                scheme = ""
            if scheme not in schemes:
                raise ValueError(f"expected {schemes[0]}:HOST:PORT, comma-separated")
        return urls

    return AfterValidator(check)


def port_range(text: str) -> str:
    """Check that `text` is a range of ports."""
    PortRange.parse(text)
    return text


def function_name(name: str) -> str:
    """Check that `name` names a function in a module."""
    if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", name):
        return name
    raise ValueError("expected package.module:function")


def known_tools(names: tuple[str, ...]) -> tuple[str, ...]:
    """Check that `names` are functions that an outside model may call."""
    if unknown := [name for name in names if name not in TOOLS]:
        raise ValueError(f"expected {', '.join(TOOLS)}, comma-separated, not {unknown[0]}")
    return names


def known_language(name: str) -> str:
    """Check that `name` is a language that Whisper knows, or auto; return its code."""
    code = language_code(name)
    if code is None:
        raise ValueError("expected auto, or a language such as de or german")
    return code or "auto"


def known_languages(names: tuple[str, ...]) -> tuple[str, ...]:
    """Check that `names` are languages that Whisper knows, and return their codes."""
    codes = tuple(dict.fromkeys(known_language(name) for name in names))
    if not codes or "auto" in codes:
        raise ValueError("expected languages such as en,de,fr, comma-separated")
    return codes


def http_url(url: str) -> str:
    """Check that `url` is an HTTP URL, and return it without a trailing slash."""
    scheme, separator, rest = url.partition("://")
    if scheme not in ("http", "https") or not separator or not rest.strip("/"):
        raise ValueError("expected a URL that starts with https:// or http://")
    try:
        _ = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from error
    return url.rstrip("/")


def ip_networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Check that `texts` are IP addresses or networks."""
    for text in texts:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError("expected addresses or networks such as 10.0.0.0/8") from None
    return texts


def header_value(key: SecretStr) -> SecretStr:
    """Return a key without the white space around it, which files and shells add."""
    value = key.get_secret_value().strip()
    if not re.fullmatch(r"[!-~]+", value):
        raise ValueError("expected a key of ASCII characters without spaces")
    return SecretStr(value)


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_commas)]


WORKER_MODELS = ("recognition", "generation")  # that workers of a cluster can compute


def worker_models(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return `names` if workers of a cluster can compute these models."""
    for name in names:
        if name not in WORKER_MODELS:
            raise ValueError(f"{name!r} is none of {', '.join(WORKER_MODELS)}")
    return names

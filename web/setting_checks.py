"""What the values of settings must be, beyond their types."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from models.weights.hub_catalog import VIDEO_LLMS
from rtc.ice_servers import IceEndpoint

ASR_MODELS = ("tiny.en", "base")
WAN_MODELS = ("rolling-forcing", "self-forcing", "longlive")  # weights of Wan2.1, for a GPU
CHUNKS = (100, 300, 1000)  # milliseconds
SMALL = "small"  # the video model that is packaged; also the model that draws


def split_commas(value: object) -> object:
    """Split the comma-separated text of an environment variable; leave anything else alone."""
    if not isinstance(value, str):
        return value
    return tuple(part for part in (piece.strip() for piece in value.split(",")) if part)


def known_model(name: str) -> str:
    """Return `name`, a model of this service or a path that is there."""
    if name in ASR_MODELS or Path(name).exists():
        return name
    raise ValueError(f"expected {', '.join(ASR_MODELS)} or the path of a file or folder")


def known_chunk(milliseconds: int) -> int:
    """Check that causal models were trained to hear in chunks of `milliseconds`."""
    if milliseconds not in CHUNKS:
        raise ValueError(f"expected {', '.join(map(str, CHUNKS))} milliseconds")
    return milliseconds


def known_final_model(name: str) -> str:
    """Return `name`, a model of this service, a path that is there, or none."""
    return name if name == "none" else known_model(name)


def known_video_model(name: str) -> str:
    """Check that `name` is a video model, or the path of one."""
    if name in (SMALL, *VIDEO_LLMS) or Path(name).is_dir():
        return name
    raise ValueError(f"expected {', '.join((SMALL, *VIDEO_LLMS))} or the path of a folder")


def known_generation_model(name: str) -> str:
    """Check that `name` is a model that draws, the path of one, or none."""
    if name in (SMALL, "none", *WAN_MODELS) or Path(name).is_dir():
        return name
    raise ValueError(f"expected {', '.join((SMALL, 'none', *WAN_MODELS))} or the path of a folder")


def urls_with_scheme(*schemes: str) -> AfterValidator:
    """Return a check that each URL is a STUN or TURN URL with one of `schemes`."""

    def check(urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if IceEndpoint.parse(url).scheme not in schemes:
                raise ValueError(f"expected {schemes[0]}:HOST:PORT, comma-separated")
        return urls

    return AfterValidator(check)


def http_url(url: str) -> str:
    """Check that `url` is an HTTP address, and return it without a slash at its end."""
    scheme, separator, rest = url.partition("://")
    if scheme not in ("http", "https") or not separator or not rest.strip("/"):
        raise ValueError("expected an address that begins with https:// or http://")
    return url.rstrip("/")


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_commas)]

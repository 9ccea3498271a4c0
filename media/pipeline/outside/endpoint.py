"""Where the outside model is, and what it is asked with."""

import ssl
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

COMPLETIONS = "/chat/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEndpoint:
    """A server at `url`, such as http://localhost:8080/v1; its only model if `model` is empty.

    An answer has at most `max_tokens` tokens, and `max_text` characters. It must begin within
    `first_wait` seconds, and go on within `next_wait`. A server that is busy is asked again after
    at most `retry_wait`.
    """

    url: str
    model: str = ""
    key: str = field(default="", repr=False)
    max_tokens: int = 512
    max_text: int = 20_000
    first_wait: float = 60.0
    next_wait: float = 20.0
    retry_wait: float = 5.0
    tls: ssl.SSLContext | None = None

    @property
    def base(self) -> str:
        """The URL without the path of chat completions, which users may have added."""
        return self.url.rstrip("/").removesuffix(COMPLETIONS)

    @property
    def name(self) -> str:
        """The name for users: the model's, or where it is."""
        return self.model or f"the model at {urlsplit(self.url).hostname}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLimits:
    """What a question comes with: `moments` of the scene log, and pictures.

    Up to `pictures` are sent, of which `looks` are the last looks. If it is `scoped`, a question
    about now comes with the last looks alone, and one about the past with moments alone. With auto,
    pictures are sent until the server refuses them.
    """

    moments: int = 12
    pictures: int = 8
    looks: int = 4
    side: int = 512
    scoped: bool = True
    takes_pictures: Literal["auto", "yes", "no"] = "auto"

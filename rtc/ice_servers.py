"""STUN and TURN servers by their URLs, as browsers, aiortc and `rtc.connectivity` need them."""

import re
from dataclasses import dataclass
from typing import Self

DEFAULT_PORT, DEFAULT_TLS_PORT = 3478, 5349  # RFC 7064, RFC 7065
URL = re.compile(
    r"(?P<scheme>stuns?|turns?):(?P<host>\[[0-9a-fA-F:]+\]|[^:/?\[\]]+)(:(?P<port>\d{1,5}))?"
    r"(\?transport=(?P<transport>(?i:udp|tcp)))?"
)


@dataclass(frozen=True, slots=True)
class IceEndpoint:
    """The parts of a STUN or TURN URL; `transport` is udp or tcp."""

    scheme: str
    host: str
    port: int
    transport: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse a `stun:`, `stuns:`, `turn:` or `turns:` URL.

        Raises:
            ValueError: `url` is not one.

        Source: RFC 7064, RFC 7065.
        """
        match = URL.fullmatch(url)
        if match is None:
            raise ValueError(
                f"expected stun:HOST:PORT or turn:HOST:PORT?transport=udp, got {url!r}"
            )
        tls = match["scheme"].endswith("s")
        return cls(
            scheme=match["scheme"],
            host=match["host"].strip("[]"),
            port=int(match["port"] or (DEFAULT_TLS_PORT if tls else DEFAULT_PORT)),
            transport=(match["transport"] or ("tcp" if tls else "udp")).lower(),
        )

    @property
    def tls(self) -> bool:
        return self.scheme.endswith("s")

    def __str__(self) -> str:
        return f"{self.host}:{self.port}/{'tls' if self.tls else self.transport}"


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server: one entry of a browser's RTCConfiguration.iceServers.

    Raises:
        ValueError: one of `urls` is not a STUN or TURN URL.
    """

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None

    def __post_init__(self) -> None:
        for url in self.urls:
            IceEndpoint.parse(url)

    def as_json(self) -> dict[str, object]:
        """Return the RTCIceServer dictionary of the WebRTC specification."""
        entry: dict[str, object] = {"urls": list(self.urls)}
        if self.username is not None:
            entry |= {"username": self.username, "credential": self.credential}
        return entry

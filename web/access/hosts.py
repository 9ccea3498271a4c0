"""Which Host and Origin headers are accepted: pages of other sites must not reach the service.

A page can make its visitor's browser send requests to any address, and by DNS rebinding under a
name of its own, so that the browser takes the service for the page's own site. Such a request has
the page's name in Host; one across sites has the page's site in Origin.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from web.problems import ProblemError

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class HostRules:
    """`hosts` are names of this service, `origins` other sites whose pages may use it.

    `any_host`: Host is not checked, because the routes that matter need a key, which a page under
    a rebound name does not have.
    """

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    any_host: bool = False

    def check_host(self, headers: Mapping[str, str], local_address: str) -> None:
        """Check Host of a request that arrived at `local_address`.

        Raises:
            ProblemError: it is no name of this service.
        """
        host = headers.get("host", "")
        if not self.any_host and not self._is_own(host_name(host), local_address):
            raise ProblemError(
                403,
                f"this service is not known as {host[:200]!r}: add the name to EYELINE_HOSTS, or "
                "set EYELINE_API_KEY",
                code="host_not_allowed",
            )

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """Check Origin of a request, if it has one.

        Raises:
            ProblemError: pages of that site may not use this service.
        """
        origin = headers.get("origin")
        if origin is not None and not self._is_allowed(origin, headers.get("host", "")):
            raise ProblemError(
                403,
                f"origin {origin[:200]} is not allowed: add it to EYELINE_ORIGINS",
                code="origin_not_allowed",
            )

    def _is_own(self, name: str, local_address: str) -> bool:
        address = _address(name)
        if address is None:
            return name in ("localhost", local_address, *self._names())
        return address.is_loopback or address == _address(local_address) or name in self._names()

    def _is_allowed(self, origin: str, host: str) -> bool:
        if "*" in self.origins or origin in self.origins:
            return True
        scheme, _, netloc = origin.partition("://")
        default = DEFAULT_PORTS.get(scheme)
        site = None if default is None else _site(netloc, default)
        if default is None or site is None:
            return False  # "null", and schemes of browser extensions
        # A proxy may put its own name for the service into Host.
        return site == _site(host, default) or (site[0] in self._names() and site[1] == default)

    def _names(self) -> tuple[str, ...]:
        return tuple(name.lower() for name in self.hosts)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a service that listens on `host`."""
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def host_name(netloc: str) -> str:
    """Return the name or address in `netloc`, without its port; empty if it is malformed."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _site(netloc: str, default_port: int) -> tuple[str, int] | None:
    """Return the name and port in `netloc`, None if it is malformed."""
    name = host_name(netloc)
    try:
        port = urlsplit(f"//{netloc}").port
    except ValueError:
        return None
    return (name, port or default_port) if name else None


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address that `name` is; one of IPv4 in IPv6's form as IPv4's."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address

"""Where a request comes from: its connection, or behind a proxy, what that says.

Anybody can send X-Forwarded-For; only what trusted proxies added to it is believed.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SUBSCRIBER = 64  # bits of an IPv6 address that a network gives to one customer, RFC 6177
FROM_PROXY = "from_proxy"  # its place in the request's state


@dataclass(frozen=True, slots=True)
class Proxies:
    """The networks whose proxies are trusted."""

    networks: tuple[Network, ...]

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "Proxies":
        """Return the proxies of a setting.

        Raises:
            ValueError: one is neither an address nor a network.
        """
        return cls(tuple(ipaddress.ip_network(text, strict=False) for text in texts))

    def trusts(self, address: Address | None) -> bool:
        """Return whether a proxy may be at `address`."""
        return address is not None and any(address in each for each in self.networks)

    def client(self, scope: Scope) -> str:
        """Return the address of the client of a request, as text; "" if it is unknown.

        Each proxy adds the address from which it got the request at the end of X-Forwarded-For, so
        that the last one that is no proxy's is the client's.
        """
        name = (scope.get("client") or ("", 0))[0]
        address = parse_address(name)
        if not self.trusts(address):
            return str(address or name)
        hops = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
        for hop in reversed(hops):
            found = parse_address(hop.strip())
            if found is None:
                break
            address = found
            if not self.trusts(found):
                break
        return str(address)


def parse_address(text: str) -> Address | None:
    """Return the address in `text`, which may have a port; one of IPv4 in IPv6's form as IPv4's."""
    bare = text
    if text.startswith("["):
        bare = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        bare = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def subscriber(text: str) -> str:
    """Return what the requests of one client have in common: its address, or IPv6 network."""
    address = parse_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, SUBSCRIBER), strict=False))
    return text if address is None else str(address)


def on_this_machine(text: str) -> bool:
    """Return whether a client is on this machine: its address is a loopback one, or it has none."""
    address = parse_address(text)
    return address is None or address.is_loopback

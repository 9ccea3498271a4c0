"""The checks of `eyeline doctor` that open sockets: the port, UDP, STUN, TURN."""

import asyncio
import socket
import time

from rtc.connectivity import (
    UnreachableError,
    echo,
    host_addresses,
    mapped_address,
    relayed_address,
)
from rtc.ice_servers import IceEndpoint
from web.access.hosts import is_loopback
from web.access.ice import ice_servers
from web.cli.doctor.finding import Finding
from web.config import Settings

MAX_WAIT = 3.0  # seconds for one answer; a packet around the world and its repeats take less


def check_port(settings: Settings) -> Finding:
    """Try to bind the address of the service."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM
        )[0]
    except socket.gaierror as error:
        return Finding(
            "port", "fail", f"{settings.host}: {error.strerror}", "set EYELINE_HOST to an address"
        )
    with socket.socket(family, kind) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            return _port_taken(settings, error)
    return Finding("port", "ok", f"TCP {settings.host}:{settings.port} is free")


def _port_taken(settings: Settings, error: OSError) -> Finding:
    return Finding(
        "port",
        "warn",
        f"TCP {settings.host}:{settings.port}: {error.strerror}",
        "fine if the service is running; otherwise end that program, or set EYELINE_PORT",
    )


def check_udp(_settings: Settings) -> Finding:
    """Send a datagram to this machine through each address that WebRTC offers."""
    hosts = host_addresses()
    if not hosts:
        return Finding(
            "udp",
            "fail",
            "this machine has only loopback addresses",
            "WebRTC needs one: connect a network (in a container: network_mode host or a bridge)",
        )
    lines, failed = asyncio.run(_echoes(hosts))
    if failed:
        advice = "allow UDP to this machine in the firewall; WebSocket clients work without it"
        return Finding("udp", "warn" if lines else "fail", "; ".join(failed), advice)
    return Finding("udp", "ok", ", ".join(lines))


async def _echoes(hosts: list[str]) -> tuple[list[str], list[str]]:
    """Return a line for each host that echoes, and a line for each that does not."""
    lines, failed = [], []
    for host in hosts:
        try:
            delay_ms = 1000 * await echo(host, max_wait=MAX_WAIT)
        except UnreachableError as error:
            failed.append(str(error))
        else:
            lines.append(f"{host} ({delay_ms:.1f} ms)")
    return lines, failed


def check_stun(settings: Settings) -> Finding:
    """Ask each STUN server for the address of this machine."""
    if not settings.stun_urls:
        return Finding("stun", "ok", "none set: browsers on this network need none")
    found = []
    for url in settings.stun_urls:
        try:
            server = IceEndpoint.parse(url)
            host, port = asyncio.run(mapped_address(server, max_wait=MAX_WAIT))
        except (ValueError, UnreachableError) as error:
            return Finding("stun", "fail", str(error), f"start that server, or remove {url}")
        found.append(f"{server} sees {host}:{port}")
    return Finding("stun", "ok", "; ".join(found))


def check_turn(settings: Settings) -> Finding:
    """Allocate a relay on each TURN server, with the credentials of a session."""
    if not settings.turn_urls:
        return _no_turn(settings)
    expires = int(time.time()) + settings.turn_ttl  # noqa: TID251 - Unix time
    minted = ice_servers(settings, session="doctor", expires=expires)[-1]
    assert minted.username is not None
    assert minted.credential is not None
    found = []
    for url in settings.turn_urls:
        try:
            server = IceEndpoint.parse(url)
            host, port = asyncio.run(
                relayed_address(
                    server,
                    username=minted.username,
                    credential=minted.credential,
                    max_wait=MAX_WAIT,
                )
            )
        except (ValueError, UnreachableError) as error:
            advice = "start it (docker compose up coturn), and give both the same secret"
            return Finding("turn", "fail", str(error), advice)
        found.append(f"{server} relays at {host}:{port}")
    return Finding("turn", "ok", "; ".join(found))


def _no_turn(settings: Settings) -> Finding:
    if is_loopback(settings.host):
        return Finding("turn", "ok", "none set: browsers on this machine need none")
    return Finding(
        "turn",
        "warn",
        "none set: browsers behind strict firewalls or mobile networks will not connect",
        "compose.yaml has a TURN server; set EYELINE_TURN_URLS and EYELINE_TURN_SECRET",
    )

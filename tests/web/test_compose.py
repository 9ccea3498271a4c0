"""compose.yaml: what it demands, and what its TURN server refuses to relay to."""

import asyncio
import ipaddress
import os
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own
from aioice import stun
from aioice.turn import TurnTransport, create_turn_endpoint
from hypothesis import given
from hypothesis import strategies as st

from tests.patience import PATIENCE, until_listening
from web.access.ice import mint
from web.config import Settings
from web.settings.weights import CHECKOUT

VARIABLES = {
    "EYELINE_API_KEY": "k" * 32,
    "EYELINE_TURN_SECRET": "s" * 32,
    "PUBLIC_HOST": "here.example",
}
# Not globally reachable, from IANA's registries of special addresses, and multicast.
SPECIAL = [
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("::1/128", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7"),
        *("fe80::/10", "fec0::/10", "ff00::/8"),
    )
]
PUBLIC = ("1.1.1.1", "9.255.255.255", "11.0.0.0", "172.32.0.1", "223.255.255.254", "100.128.0.1")
PUBLIC_6 = ("2600::1", "2a00:1450::1", "2001:4860::8888", "2003::1")


def compose_file() -> dict[str, Any]:
    return yaml.safe_load((CHECKOUT / "compose.yaml").read_text())  # type: ignore[no-any-return]


def text() -> str:
    return (CHECKOUT / "compose.yaml").read_text()


def coturn_options() -> list[str]:
    """Return the options of coturn, with the variables that must be set and no other."""

    def value(use: re.Match[str]) -> str:
        name, default = use[1], use[2] or ""
        return VARIABLES.get(name, default.removeprefix(":-"))

    options = compose_file()["services"]["coturn"]["command"]
    return [re.sub(r"\$\{(\w+)(:[-?][^}]*)?\}", value, each) for each in options]


def denied_ranges() -> list[tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address]]:
    prefix = "--denied-peer-ip="
    ranges = [each.removeprefix(prefix) for each in coturn_options() if each.startswith(prefix)]
    ends = [each.split("-") for each in ranges]
    return [(ipaddress.ip_address(first), ipaddress.ip_address(last)) for first, last in ends]


def is_denied(address: IPv4Address | IPv6Address) -> bool:
    return any(
        first.version == address.version and int(first) <= int(address) <= int(last)
        for first, last in denied_ranges()
    )


def test_compose_has_the_service_a_gpu_profile_and_a_turn_server() -> None:
    services = compose_file()["services"]
    assert set(services) == {"eyeline", "eyeline-gpu", "coturn", "prometheus", "grafana"}
    assert services["eyeline-gpu"]["profiles"] == ["gpu"]
    assert "--use-auth-secret" in services["coturn"]["command"]
    assert all("healthcheck" in service for service in services.values())


def test_compose_sets_only_settings_that_exist() -> None:
    known = {f"EYELINE_{name.upper()}" for name in Settings.model_fields}
    for name in ("eyeline", "eyeline-gpu"):
        assert set(compose_file()["services"][name]["environment"]) <= known


def test_the_container_is_given_the_time_that_sessions_have_to_end() -> None:
    service = compose_file()["services"]["eyeline"]
    drain = service["environment"]["EYELINE_DRAIN"].removeprefix("${EYELINE_DRAIN:-").rstrip("}")
    assert float(service["stop_grace_period"].rstrip("s")) >= float(drain) + 5


def test_monitoring_listens_on_this_machine_alone_and_has_what_it_mounts() -> None:
    services = compose_file()["services"]
    assert "--web.listen-address=127.0.0.1:9090" in services["prometheus"]["command"]
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    mounted = [each.split(":")[0] for each in services["grafana"]["volumes"]]
    assert all((CHECKOUT / each).is_file() for each in mounted if each.startswith("."))
    read = yaml.safe_load(compose_file()["configs"]["prometheus"]["content"])
    [job] = read["scrape_configs"]
    assert job["authorization"]["credentials_file"] == "/run/secrets/eyeline_key"
    assert compose_file()["secrets"]["eyeline_key"] == {"environment": "EYELINE_API_KEY"}


def test_compose_demands_each_secret_and_gives_none_a_default() -> None:
    for name in ("EYELINE_TURN_SECRET", "EYELINE_API_KEY"):
        uses = re.findall(rf"\$\{{{name}([^}}]*)\}}", text())
        assert uses
        assert all(use.startswith(":?") for use in uses)  # neither unset nor empty


def test_what_compose_demands_is_what_the_readme_sets() -> None:
    demanded = set(re.findall(r"\$\{(\w+):\?", text()))
    readme = (CHECKOUT / "README.md").read_text()
    [commands] = re.findall(r"```sh\n(umask 077\n.*?)```", readme, flags=re.DOTALL)
    assert set(re.findall(r"\"(\w+)=", commands)) == demanded == set(VARIABLES)


def test_the_environment_of_compose_makes_settings() -> None:
    environment = compose_file()["services"]["eyeline"]["environment"]
    assert {"EYELINE_API_KEY", "EYELINE_TURN_URLS", "EYELINE_HOSTS"} <= set(environment)
    settings = Settings(
        api_key=VARIABLES["EYELINE_API_KEY"],
        hosts=(VARIABLES["PUBLIC_HOST"],),
        turn_urls=("turn:here.example:3478?transport=udp",),
        turn_secret=VARIABLES["EYELINE_TURN_SECRET"],
    )
    assert settings.api_key is not None


def test_turn_by_tls_is_offered_only_with_a_certificate() -> None:
    services = compose_file()["services"]
    urls = services["eyeline"]["environment"]["EYELINE_TURN_URLS"]
    always, _, with_certificate = urls.partition("${TURN_TLS_FOLDER:+")
    assert "turns:" not in always
    assert with_certificate == ",turns:${PUBLIC_HOST}:5349?transport=tcp}"
    assert "--tls-listening-port=5349" in coturn_options()
    assert any("TURN_TLS_FOLDER" in volume for volume in services["coturn"]["volumes"])


@given(network=st.sampled_from(SPECIAL), number=st.integers(0, 2**128))
def test_coturn_relays_to_no_address_that_is_not_public(
    network: IPv4Network | IPv6Network, number: int
) -> None:
    address = network[number % network.num_addresses]
    assert is_denied(address)
    assert is_denied(network[0])
    assert is_denied(network[-1])


@pytest.mark.parametrize("address", [*PUBLIC, *PUBLIC_6])
def test_public_addresses_are_not_denied(address: str) -> None:
    assert not is_denied(ipaddress.ip_address(address))


def test_the_address_that_is_allowed_by_default_belongs_to_nobody() -> None:
    [allowed] = [each for each in coturn_options() if each.startswith("--allowed-peer-ip=")]
    assert ipaddress.ip_address(allowed.partition("=")[2]) in ipaddress.ip_network("192.0.2.0/24")


def docker_compose(variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["docker", "compose", "--profile", "gpu", "config"]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **variables}  # noqa: TID251 - of docker's own
    return subprocess.run(
        command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )


def has_docker_compose() -> bool:
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return asked.returncode == 0


@pytest.mark.skipif(not has_docker_compose(), reason="docker compose is not installed")
def test_docker_compose_accepts_the_file_and_insists_on_each_variable() -> None:
    accepted = docker_compose(VARIABLES)
    assert accepted.returncode == 0, accepted.stderr
    assert "turn:here.example:3478" in accepted.stdout
    for name in VARIABLES:
        refused = docker_compose({**VARIABLES, name: ""})
        assert refused.returncode != 0
        assert name in refused.stderr


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@asynccontextmanager
async def coturn(folder: Path) -> AsyncIterator[int]:
    """Yield the port of a coturn with the options of compose.yaml, on the loopback address."""
    port = free_port()
    options = [each for each in coturn_options() if not each.startswith("--listening-port")]
    process = await asyncio.create_subprocess_exec(
        *("turnserver", "-n", *options, f"--listening-port={port}", "--listening-ip=127.0.0.1"),
        *("--relay-ip=127.0.0.1", f"--pidfile={folder}/pid", f"--userdb={folder}/db"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await until_listening(port)
        yield port
    finally:
        process.kill()
        await process.wait()


async def permission(transport: TurnTransport, address: str) -> int:
    """Ask for relaying to `address`; return the error code of the answer, 0 if there is none."""
    request = stun.Message(
        message_method=stun.Method.CHANNEL_BIND, message_class=stun.Class.REQUEST
    )
    request.attributes["CHANNEL-NUMBER"] = 0x4000 + (hash(address) & 0xFFF)
    request.attributes["XOR-PEER-ADDRESS"] = (address, 9)
    inner = transport._TurnTransport__inner_protocol  # type: ignore[attr-defined]
    try:
        await inner.request_with_retry(request)
    except stun.TransactionFailed as refused:
        return int(refused.response.attributes["ERROR-CODE"][0])
    return 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("turnserver") is None, reason="coturn is not installed")
async def test_a_real_coturn_refuses_peers_in_private_networks(tmp_path: Path) -> None:
    username, credential = mint(VARIABLES["EYELINE_TURN_SECRET"], session="s", expires=2**31 - 1)
    async with coturn(tmp_path) as port:
        transport, _ = await create_turn_endpoint(
            asyncio.DatagramProtocol,
            server_addr=("127.0.0.1", port),
            username=username,
            password=credential,
        )
        for network in SPECIAL:
            if network.version == 4 and network != ipaddress.ip_network("192.0.2.0/24"):
                for address in (network[1], network[-2]):
                    assert await permission(transport, str(address)) == 403, address
        for public in PUBLIC:
            assert await permission(transport, public) == 0, public
        transport.close()

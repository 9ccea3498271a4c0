"""Two hosts with a NAT and a firewall between them: a call connects through a real TURN server.

The hosts are network namespaces: `client` has a private address behind `nat`, which lets UDP
through to the TURN server alone; the service and coturn are at `public`.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.patience import PATIENCE
from tests.web.signaling.relay_peers import SECRET

PUBLIC, OUTSIDE = "198.51.100.2", "198.51.100.1"
INSIDE, PRIVATE = "10.9.1.1", "10.9.1.2"
UDP_PORT, TLS_PORT = 3478, 5349


@dataclass(frozen=True)
class Hosts:
    """The names of the namespaces."""

    client: str
    nat: str
    public: str

    def all(self) -> tuple[str, str, str]:
        return self.client, self.nat, self.public


def run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True)


def why_not() -> str:
    """Return why the hosts cannot be made, empty if they can."""
    for program in ("ip", "iptables", "turnserver"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    try:
        with hosts():
            return ""
    except subprocess.CalledProcessError as error:
        return f"no network namespaces with NAT: {error.stderr.decode().strip()}"


@contextmanager
def hosts() -> Iterator[Hosts]:
    """Make the hosts; they are gone after the block."""
    made = Hosts(*(f"eyeline-{os.getpid()}-{name}" for name in ("client", "nat", "public")))
    try:
        for name in made.all():
            run(f"ip netns add {name}")
            run(f"ip -n {name} link set lo up")
        for host, link, near, far in (
            (made.client, "in", PRIVATE, INSIDE),
            (made.public, "out", PUBLIC, OUTSIDE),
        ):
            run(f"ip -n {host} link add eth0 type veth peer name {link} netns {made.nat}")
            for name, device, address in ((host, "eth0", near), (made.nat, link, far)):
                run(f"ip -n {name} address add {address}/24 dev {device}")
                run(f"ip -n {name} link set {device} up")
        run(f"ip -n {made.client} route add default via {INSIDE}")
        inside = f"ip netns exec {made.nat}"
        subprocess.run(
            [*inside.split(), "tee", "/proc/sys/net/ipv4/ip_forward"],
            input=b"1",
            check=True,
            capture_output=True,
        )
        for rule in (
            "-t nat -A POSTROUTING -o out -j MASQUERADE",
            "-P FORWARD DROP",
            "-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT",
            "-A FORWARD -i in -p tcp -j ACCEPT",
            f"-A FORWARD -i in -p udp --dport {UDP_PORT} -j ACCEPT",
        ):
            run(f"{inside} iptables {rule}")
        yield made
    finally:
        for name in made.all():
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@asynccontextmanager
async def running(
    host: str, *command: str, **variables: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `command` on `host` until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *("ip", "netns", "exec", host, *command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def certificate(folder: Path) -> tuple[Path, Path]:
    """Return the files of a certificate for PUBLIC, and of its key."""
    files = folder / "certificate.pem", folder / "key.pem"
    run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
        f" -subj /CN=turn -addext subjectAltName=IP:{PUBLIC} -out {files[0]} -keyout {files[1]}"
    )
    return files


@pytest.mark.slow
@pytest.mark.parametrize(
    "turn", [f"turn:{PUBLIC}:{UDP_PORT}?transport=udp", f"turns:{PUBLIC}:{TLS_PORT}"]
)
async def test_a_call_connects_through_the_relay(turn: str, tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    public, private = certificate(tmp_path)
    server = (
        *("turnserver", "-n", "--use-auth-secret", f"--static-auth-secret={SECRET}"),
        *("--realm=eyeline", f"--listening-ip={PUBLIC}", f"--relay-ip={PUBLIC}"),
        *(f"--listening-port={UDP_PORT}", f"--tls-listening-port={TLS_PORT}"),
        *(f"--cert={public}", f"--pkey={private}", "--no-cli", f"--log-file={tmp_path}/turn.log"),
        *(f"--pidfile={tmp_path}/pid", f"--userdb={tmp_path}/db"),
    )
    trusting = ("env", f"SSL_CERT_FILE={public}")
    peers = (sys.executable, "-m", "tests.web.signaling.relay_peers")
    with hosts() as made:
        async with (
            asyncio.timeout(PATIENCE),
            running(made.public, *server),
            running(made.public, *peers, "serve", PUBLIC, turn) as service,
        ):
            assert service.stdout is not None
            port = int(await service.stdout.readline())
            url = f"http://{PUBLIC}:{port}"
            async with running(made.client, *trusting, *peers, "call", url) as call:
                assert call.stdout is not None
                found = json.loads(await call.stdout.readline())
                await call.wait()
            assert service.stdin is not None
            service.stdin.close()
            await service.wait()
    assert found["path"] == "relay"
    assert found["caption"].startswith("one two")

"""Hosts of a cluster as network namespaces on one switch, which can be cut off one by one."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which

CLONE_NEWNET = 0x40000000  # sched.h
CGROUP = Path("/sys/fs/cgroup/cpu")
PERIOD = 100_000  # microseconds, of a limit of processor time


def why_not() -> str:
    """Return why there can be no such hosts here, "" if there can."""
    if which("ip") is None:
        return "needs `ip` of iproute2"
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    name = f"eyeline-try-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        return "network namespaces cannot be made here"
    ip("netns", "del", name)
    return ""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass(frozen=True)
class Host:
    """A host, number `number` on the switch; `inside` is put before a command that runs there."""

    name: str
    number: int
    switch: str

    @property
    def address(self) -> str:
        return f"10.99.0.{self.number + 1}"

    @property
    def inside(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    def cut(self) -> None:
        """Cut its cable."""
        ip("-n", self.switch, "link", "set", f"p{self.number}", "down")

    def heal(self) -> None:
        ip("-n", self.switch, "link", "set", f"p{self.number}", "up")


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """Yield `count` hosts, which reach each other and nothing else."""
    switch = f"ey{os.getpid()}s"
    with ExitStack() as stack:
        ip("netns", "add", switch)
        stack.callback(ip, "netns", "del", switch)
        ip("-n", switch, "link", "add", "switch", "type", "bridge")
        ip("-n", switch, "link", "set", "switch", "up")
        made = []
        for number in range(count):
            host = Host(f"ey{os.getpid()}h{number}", number, switch)
            ip("netns", "add", host.name)
            stack.callback(ip, "netns", "del", host.name)
            _connect(host)
            made.append(host)
        yield made


def _connect(host: Host) -> None:
    port = f"p{host.number}"
    ends = ("eth0", "netns", host.name, "type", "veth", "peer", "name", port, "netns", host.switch)
    ip("link", "add", *ends)
    ip("-n", host.switch, "link", "set", port, "master", "switch", "up")
    ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", "eth0")
    for name in ("lo", "eth0"):
        ip("-n", host.name, "link", "set", name, "up")


@contextmanager
def on(host: Host) -> Iterator[None]:
    """Be on `host` with this thread: sockets that it opens are there."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{host.name}", os.O_RDONLY)
    try:
        _enter(there)
        yield
    finally:
        _enter(before)
        os.close(there)
        os.close(before)


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextmanager
def slow(process: int, part: float) -> Iterator[None]:
    """Give a process `part` of one core until the block ends."""
    group = CGROUP / f"eyeline-{process}"
    group.mkdir()
    try:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD))
        (group / "cpu.cfs_quota_us").write_text(str(round(part * PERIOD)))
        (group / "cgroup.procs").write_text(str(process))
        yield
        (CGROUP / "cgroup.procs").write_text(str(process))
    finally:
        group.rmdir()

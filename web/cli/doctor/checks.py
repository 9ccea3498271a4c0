"""`eyeline doctor`: checks of this machine, with advice.

A check is a function from settings to one finding. Checks that use the network are in
web.cli.doctor.network.
"""

import importlib.metadata
import json
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from packaging.requirements import Requirement

from media.pipeline.own_code.user_function import UserCodeError, UserFunction
from models.errors import WeightsError
from models.weights.catalog import WEIGHTS
from models.weights.fetch import verify_weights
from trt_engines.detect import detect
from web.access.hosts import is_loopback
from web.access.keys.key_file import KeyFileError, read_keys
from web.cli.doctor.finding import Finding
from web.cli.doctor.network import check_port, check_stun, check_turn, check_udp
from web.config import Settings
from web.loading.needs import needs, pulled_problems
from web.settings.weights import CHECKOUT

CHROMIUMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
SPARE = 1 << 30  # bytes of disk beyond the weights: recordings, uploads, logs


Check = Callable[[Settings], Finding]


def doctor(settings: Settings, *, as_json: bool) -> int:
    """Print each finding as it comes; return 1 if a check fails, else 0."""
    findings = []
    for check in checks():
        findings.append(check(settings))
        if not as_json:
            sys.stdout.write(as_text(findings[-1]))
            sys.stdout.flush()
    if as_json:
        sys.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2) + "\n")
    else:
        sys.stdout.write(_summary(findings))
    return int(any(finding.status == "fail" for finding in findings))


def checks() -> tuple[Check, ...]:
    """Return all checks, quick ones first."""
    return (
        check_python,
        check_packages,
        check_weights,
        check_disk,
        check_camera,
        check_key,
        check_own_code,
        check_port,
        check_udp,
        check_stun,
        check_turn,
        check_chromium,
        check_engines,
    )


def as_text(finding: Finding) -> str:
    line = f"{finding.status:<5} {finding.name:<10} {finding.found}\n"
    return line + (f"{'':17}-> {finding.advice}\n" if finding.advice else "")


def _summary(findings: list[Finding]) -> str:
    counts = dict.fromkeys(("ok", "warn", "fail"), 0)
    for finding in findings:
        counts[finding.status] += 1
    return f"\n{counts['ok']} ok, {counts['warn']} to note, {counts['fail']} failed\n"


def check_python(_settings: Settings) -> Finding:
    found = f"{sys.version.split()[0]} at {sys.executable}"
    if sys.version_info[:2] in PYTHONS:
        return Finding("python", "ok", found)
    return Finding("python", "fail", found, "install Python 3.11 to 3.14, remove .venv, run again")


def check_packages(_settings: Settings) -> Finding:
    """Compare what is installed with what the project needs, and with the tested versions."""
    pins = _pins()
    missing, other = [], []
    for name in _needed():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
            continue
        pin = pins.get(_canonical(name))
        if pin is not None and version.partition("+")[0] != pin:
            other.append(f"{name} {version} (tested: {pin})")
    if missing:
        return Finding(
            "packages", "fail", f"not installed: {', '.join(missing)}", "run ./eyeline install"
        )
    if other:
        return Finding("packages", "warn", ", ".join(other), "rm -r .venv; ./eyeline install")
    return Finding("packages", "ok", f"{len(_needed())} installed, versions as tested")


def _needed() -> list[str]:
    """Return the names of the packages that the service depends on."""
    project = CHECKOUT / "pyproject.toml"
    if project.is_file():
        lines = tomllib.loads(project.read_text())["project"]["dependencies"]
    else:
        lines = importlib.metadata.requires("eyeline") or []
    return [requirement.name for requirement in _of_this_python(lines)]


def _pins() -> dict[str, str]:
    """Return the tested version of each package, empty without a checkout."""
    file = CHECKOUT / "constraints.txt"
    lines = file.read_text().splitlines() if file.is_file() else []
    pins = _of_this_python(line for line in lines if not line.startswith("#"))
    return {_canonical(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}


def _of_this_python(lines: Iterable[str]) -> list[Requirement]:
    """Return the requirements whose marker is true for this Python or absent, without extras."""
    found = [Requirement(line) for line in lines]
    return [each for each in found if each.marker is None or each.marker.evaluate()]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def check_weights(settings: Settings) -> Finding:
    """Verify what the service needs, which is all that other commands need, too."""
    wanted = needs(settings, "serve")
    try:
        bad = {
            name: files
            for name in wanted.packaged
            if (files := verify_weights(name, settings.weights))
        }
    except WeightsError as error:
        return Finding("weights", "fail", str(error), "check the folder's owner and permissions")
    failed = pulled_problems(wanted.pulled, settings.weights)
    failed += [f"{file} is missing" for file in wanted.shipped if not file.is_file()]
    if failed:
        missing = any(not file.is_file() for file in wanted.shipped)
        advice = "install eyeline again" if missing else "run the eyeline pull that is named"
        return Finding("weights", "fail", "; ".join(failed), advice)
    if not bad:
        names = ", ".join((*wanted.packaged, *wanted.pulled))
        return Finding("weights", "ok", f"{names} verified in {settings.weights}")
    size = sum(WEIGHTS[name].size for name in bad) / 1e6
    what = "; ".join(f"{name}: {', '.join(files)}" for name, files in bad.items())
    return Finding(
        "weights",
        "warn",
        f"missing or damaged: {what}",
        f"nothing to do: the next start downloads them ({size:.0f} MB)",
    )


def check_disk(settings: Settings) -> Finding:
    folder = _nearest_folder(settings.weights)
    free = shutil.disk_usage(folder).free
    found = f"{free / 1e9:.1f} GB free at {folder}"
    if not os.access(folder, os.W_OK):
        return Finding("disk", "fail", f"{folder} is not writable", "set EYELINE_WEIGHTS")
    wanted = needs(settings, "serve").packaged
    try:
        names = [name for name in wanted if verify_weights(name, settings.weights)]
    except WeightsError:
        names = list(wanted)
    needed = 2 * sum(WEIGHTS[name].size for name in names)  # the package, and its extracted files
    if free < needed:
        return Finding("disk", "fail", found, f"free space: the weights need {needed / 1e6:.0f} MB")
    if free < needed + SPARE:
        return Finding(
            "disk", "warn", found, "free space: recordings and uploads will soon fill it"
        )
    return Finding("disk", "ok", found)


def _nearest_folder(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that exists."""
    here = path.resolve()
    return here if here.is_dir() else _nearest_folder(here.parent)


def check_camera(settings: Settings) -> Finding:
    if is_loopback(settings.host):
        return Finding("camera", "ok", f"browsers allow it on http://localhost:{settings.port}")
    return Finding(
        "camera",
        "warn",
        f"on other machines, browsers refuse camera and microphone to http://{settings.host}",
        "put a TLS proxy in front (Caddy, nginx) and open https://, or use ssh -L"
        f" {settings.port}:localhost:{settings.port} and open http://localhost:{settings.port}",
    )


def check_key(settings: Settings) -> Finding:
    if settings.keys is not None:
        try:
            count = sum(not each.revoked for each in read_keys(settings.keys))
        except KeyFileError as error:
            return Finding("key", "fail", str(error), "the service does not start with it")
        return Finding("key", "ok", f"clients must send one: {count} are in {settings.keys}")
    if settings.api_key is not None:
        return Finding("key", "ok", "clients must send it")
    if is_loopback(settings.host):
        return Finding("key", "ok", "none set: only this machine can connect")
    where = f"{settings.host}:{settings.port}"
    return Finding(
        "key",
        "warn" if settings.without_key else "fail",
        f"none set: anyone who can reach {where} could use the service"
        f"{'' if settings.without_key else ', so it does not start'}",
        "set EYELINE_API_KEY to a long random text, or EYELINE_KEYS to a file of keys",
    )


def check_own_code(settings: Settings) -> Finding:
    """Check that the functions of the user's load."""
    names = [name for name in (settings.handler, settings.frame_filter) if name is not None]
    try:
        for name in names:
            UserFunction(name).load()
    except UserCodeError as error:
        advice = "run in the folder of that file, or put it on PYTHONPATH: docs/extend.md"
        return Finding("own code", "fail", str(error), advice)
    return Finding("own code", "ok", ", ".join(names) or "none: docs/extend.md")


def check_chromium(_settings: Settings) -> Finding:
    found = next((path for name in CHROMIUMS if (path := shutil.which(name))), None)
    if found is not None:
        return Finding("chromium", "ok", found)
    return Finding(
        "chromium",
        "warn",
        "not found: only the browser tests need it",
        "run ./eyeline test, which installs it",
    )


def check_engines(_settings: Settings) -> Finding:
    found = detect()
    gpus = ", ".join(gpu.name for gpu in found.gpus) or "no GPU: models run on the CPU"
    names = [f"{item.name} {item.version}" for item in found.runtimes if item.version]
    broken = [f"{item.name} {item.detail}" for item in found.runtimes if "load:" in item.detail]
    text = f"{gpus}; {', '.join(names)}"
    if broken:
        return Finding("engines", "warn", "; ".join([text, *broken]), "reinstall that package")
    return Finding("engines", "ok", text)

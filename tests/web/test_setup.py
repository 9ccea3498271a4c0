"""The script, the containers and the legal pages: what a person meets before any code runs."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from models.weights.catalog import WEIGHTS
from web.cli.doctor import checks
from web.settings.weights import CHECKOUT

SCRIPT = CHECKOUT / "eyeline"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
TOOLS = ("cat", "chmod", "cksum", "cp", "dirname", "grep", "mkdir", "readlink", "rm", "sed", "sh")
SHA256 = re.compile(r"\b[0-9a-f]{64}\b")

# An interpreter that makes a virtual environment whose pip only notes that it was called, or fails
# where $PIP_FAILS is set; it runs no Python, so these tests take no time.
FAKE_PYTHON = """#!/bin/sh
case "$*" in
*"-m venv"*)
    for venv in "$@"; do :; done
    mkdir -p "$venv/bin"
    echo "command = python -m venv $venv" >"$venv/pyvenv.cfg"
    cp "$0" "$venv/bin/python"
    ;;
*"-m pip install"*)
    echo "$*" >>"$CALLS"
    if [ -n "${PIP_FAILS-}" ]; then
        echo "WARNING: Location 'x' is ignored: it is either a non-existing path"
        echo "ERROR: no matching distribution"
        exit 1
    fi
    printf '#!/bin/sh\\necho ran "$@"\\n' >"$(dirname "$0")/eyeline"
    chmod +x "$(dirname "$0")/eyeline"
    ;;
*"-m playwright"*) echo "$*" >>"$CALLS" ;;
*"-m pytest"*) echo "pytest in $PWD: $*" ;;
esac
"""

PARALLEL = "-m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what the script needs, with an interpreter of its own."""
    home = tmp_path / "check out"
    (home / "path").mkdir(parents=True)
    for name in ("eyeline", "pyproject.toml", "constraints.txt"):
        shutil.copy(CHECKOUT / name, home / name)
    for name in ("python3.13", "chromium"):
        (home / "path" / name).write_text(FAKE_PYTHON)
        (home / "path" / name).chmod(0o755)
    return home


def run(
    checkout: Path, *arguments: str, cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{checkout}/path:{os.defpath}",
        "CALLS": str(checkout / "calls"),
        **variables,
    }
    return subprocess.run(
        ["sh", str(checkout / "eyeline"), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd or checkout,
        env=environment,
        check=False,
    )


def installations(checkout: Path) -> list[str]:
    calls = checkout / "calls"
    return calls.read_text().splitlines() if calls.exists() else []


def test_the_first_run_installs_and_the_second_does_not(checkout: Path) -> None:
    first = run(checkout, "captions", "a clip.mp4")
    assert (first.returncode, first.stdout) == (0, "ran captions a clip.mp4\n"), first.stderr
    again = run(checkout, "version")
    assert (again.stdout, again.stderr) == ("ran version\n", "")
    (call,) = installations(checkout)
    assert f"-c {checkout}/constraints.txt -e {checkout}" in call


def test_a_relative_path_means_the_folder_of_the_caller(checkout: Path, tmp_path: Path) -> None:
    run(checkout, "version")
    (checkout / ".venv/bin/eyeline").write_text('#!/bin/sh\necho "in $PWD"\n')
    assert run(checkout, "captions", "clip.mp4", cwd=tmp_path).stdout == f"in {tmp_path}\n"


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt"])
def test_a_changed_requirement_installs_again(checkout: Path, changed: str) -> None:
    run(checkout, "version")
    with (checkout / changed).open("a") as file:
        file.write("# changed\n")
    run(checkout, "version")
    run(checkout, "version")
    assert len(installations(checkout)) == 2


def test_a_failed_installation_is_reported_briefly_and_tried_again(checkout: Path) -> None:
    failed = run(checkout, "version", PIP_FAILS="1")
    assert failed.returncode == 1
    assert "ERROR: no matching distribution" in failed.stderr
    assert "is ignored" not in failed.stderr
    assert run(checkout, "version").stdout == "ran version\n"
    assert len(installations(checkout)) == 2


def test_a_moved_checkout_gets_a_new_environment(checkout: Path) -> None:
    run(checkout, "version")
    moved = checkout.rename(checkout.with_name("moved"))
    assert run(moved, "version").stdout == "ran version\n"
    assert len(installations(moved)) == 2


def test_the_tests_install_their_extras_and_serve_other_commands_too(checkout: Path) -> None:
    tested = run(checkout, "test", "-k", "a or b", cwd=checkout.parent)
    assert tested.stdout == f"pytest in {checkout}: {PARALLEL} -k a or b\n", tested.stderr
    assert run(checkout, "version").stdout == "ran version\n"
    (call,) = installations(checkout)
    assert call.endswith("[test,lint]")


def test_without_a_python_that_is_supported_the_script_says_which(checkout: Path) -> None:
    for name in ("python3", *(f"python{version}" for version in PYTHONS)):
        (checkout / "path" / name).write_text("#!/bin/sh\nexit 1\n")
        (checkout / "path" / name).chmod(0o755)
    refused = run(checkout, "version")
    assert refused.returncode == 1
    assert "needs Python 3.11 to 3.14" in refused.stderr
    assert "apt-get install python3" in refused.stderr
    assert "macOS" in refused.stderr


def test_on_macos_without_chrome_playwright_fetches_the_browser(checkout: Path) -> None:
    path = checkout / "path"
    (path / "chromium").unlink()
    (path / "uname").write_text("#!/bin/sh\necho Darwin\n")
    (path / "uname").chmod(0o755)
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (path / tool).symlink_to(found)
    tested = run(checkout, "test", PATH=str(path))
    assert tested.stdout == f"pytest in {checkout}: {PARALLEL}\n", tested.stderr
    assert installations(checkout)[1:] == ["-m playwright install chromium"]


def test_two_runs_at_once_install_once(checkout: Path) -> None:
    if shutil.which("flock") is None:
        pytest.skip("no flock on this machine: runs are not kept apart")
    environment = {"PATH": f"{checkout}/path:{os.defpath}", "CALLS": str(checkout / "calls")}
    both = [
        subprocess.Popen(["sh", SCRIPT.name, "version"], cwd=checkout, env=environment)
        for _ in range(2)
    ]
    assert [process.wait() for process in both] == [0, 0]
    assert len(installations(checkout)) == 1


def test_every_pin_is_exact_and_of_no_one_machine() -> None:
    lines = (CHECKOUT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    form = r"[\w.-]+==[\w.]+( ; python_full_version (<|>=) '3\.\d+'( and \S+ (<|>=) '3\.\d+')?)?"
    assert [line for line in pins if not re.fullmatch(form, line)] == []
    pinned = {line.partition("==")[0] for line in pins}
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["test"], *extras["lint"], *extras["bench"]]
    names = {re.split(r"[<>=\[; ]", line)[0].replace(".", "-") for line in wanted}
    assert names - pinned == set(), "run: make lock"


@pytest.mark.parametrize("version", PYTHONS)
def test_each_python_has_one_pin_of_a_package(version: str) -> None:
    python = {"python_version": version, "python_full_version": f"{version}.0"}
    lines = (CHECKOUT / "constraints.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    names = [pin.name for pin in pins if pin.marker is None or pin.marker.evaluate(python)]
    assert sorted(set(names)) == sorted(names)
    assert ("backports-zstd" in names) == (version != "3.14"), "3.14 has compression.zstd"


def test_every_place_supports_the_same_pythons() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    bounds = SpecifierSet(project["requires-python"])
    assert [f"3.{minor}" for minor in range(9, 19) if f"3.{minor}" in bounds] == list(PYTHONS)
    assert [f"{major}.{minor}" for major, minor in checks.PYTHONS] == list(PYTHONS)
    script = SCRIPT.read_text()
    assert script.count("(3, 11) <= sys.version_info < (3, 15)") == 2
    assert all(f" python{version}" in script for version in PYTHONS)


def test_the_image_is_made_by_the_same_script_and_runs_as_nobody_special() -> None:
    lines = (CHECKOUT / "Dockerfile").read_text().splitlines()
    install = next(i for i, line in enumerate(lines) if "./eyeline install" in line)
    code = next(
        i for i, line in enumerate(lines) if line.startswith("COPY") and line.endswith(". .")
    )
    user = next(i for i, line in enumerate(lines) if line == "USER eyeline")
    assert user < install < code, "the installation is a layer below the code, and not root's"
    ignored = (CHECKOUT / ".dockerignore").read_text().splitlines()
    packages = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    wheel = packages["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {f"!{name}" for name in wheel} <= set(ignored)


def test_third_party_lists_every_weight_with_its_hash_package_and_licence() -> None:
    page = (CHECKOUT / "THIRD_PARTY.md").read_text()
    for weights in WEIGHTS.values():
        row = next(line for line in page.splitlines() if line.startswith(f"| {weights.name} |"))
        assert f"| {weights.licence} |" in row
        assert all(package.name in page and package.version in page for package in weights.packages)
        assert [file.name for file in weights.files if file.sha256 not in page] == []


def test_every_hash_in_third_party_is_of_a_file_that_is_used() -> None:
    page = (CHECKOUT / "THIRD_PARTY.md").read_text()
    known = {file.sha256 for weights in WEIGHTS.values() for file in weights.files}
    for line in page.splitlines():
        for digest in set(SHA256.findall(line)) - known:
            path = _file_of(line.split("|")[1].strip())
            assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, path


def _file_of(name: str) -> Path:
    """Return the file that a row of the page names: in this repository, or a package."""
    package = name.partition("/")[0]
    if (CHECKOUT / package).exists():
        return CHECKOUT / name
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent.parent / name


def test_the_licence_is_apache_2() -> None:
    text = (CHECKOUT / "LICENSE").read_text()
    digest = hashlib.sha256(" ".join(text.split()).encode()).hexdigest()
    assert digest == "0ffddef9e48f8a09aed5caf2d44f7ba1c1be2d9b8e0a6f693b1635b2d5566645"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom web.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'gradio', 'numpy', 'av', 'fastapi', 'aiortc'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout
    assert result.endswith("[]\n")
    assert "captions" in result

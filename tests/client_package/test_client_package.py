"""The browser client as an npm package: what it has, and its types, by TypeScript's compiler."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import playwright
import pytest

from tests.npm_packages import npm_packages
from tests.paths import ROOT
from tests.patience import PATIENCE
from web.config import Settings
from web.page.client_files import STATIC

HERE = Path(__file__).parent
NODE = Path(playwright.__file__).parent / "driver" / "node"  # Playwright brings it along
LOADED = re.compile(r"""(?:import|export)\b[^;]*?from "(\.[^"]+)"|new URL\("([^"]+)", import""")
APP = {
    "compilerOptions": {
        "strict": True,
        "noEmit": True,
        "types": [],
        "skipDefaultLibCheck": True,
        "target": "es2023",
        "module": "es2022",
        "moduleResolution": "bundler",
    },
    "files": ["app.ts"],
}


@pytest.fixture(scope="module")
def package() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((STATIC / "package.json").read_text())
    return loaded


def entries() -> list[str]:
    """Return the modules that others import: TypeScript checks these and what they load."""
    names: list[str] = json.loads((STATIC / "tsconfig.json").read_text())["files"]
    return [name for name in names if name.endswith(".js")]


def loaded_by(entries: list[str]) -> set[str]:
    """Return the names of all files that the modules `entries` load, they included."""
    found: set[str] = set()
    waiting = [STATIC / name for name in entries]
    while waiting:
        path = waiting.pop().resolve()
        name = path.relative_to(STATIC.resolve()).as_posix()
        if name in found:
            continue
        found.add(name)
        if path.suffix == ".js":
            names = [one or two for one, two in LOADED.findall(path.read_text())]
            waiting += [path.parent / each for each in names if each != "../"]  # the service itself
    return found


def test_the_package_has_all_that_its_modules_load_and_nothing_of_the_page(
    package: dict[str, Any],
) -> None:
    wanted = loaded_by(entries()) | {"types"}
    assert {"connection.js", "inputs/camera.js", "focus_worker.js", "sample.webm"} <= wanted
    assert set(package["files"]) == wanted
    assert not {"page.js", "view.js"} & wanted


def test_the_package_has_the_version_of_the_service(package: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (package["version"], package["license"]) == (project["version"], project["license"])
    assert package["exports"]["."]["default"] == "./eyeline.js"
    [typescript] = json.loads((HERE / "packages.json").read_text())
    assert package["devDependencies"] == {"typescript": typescript["version"]}


@pytest.mark.slow
def test_types_are_right_and_an_app_in_typescript_finds_its_mistakes(
    tmp_path: Path, package: dict[str, Any]
) -> None:
    settings = Settings()
    folder = settings.weights.parent / "typescript"
    compiler = npm_packages(HERE / "packages.json", folder, settings.npm_registry)
    built = shutil.copytree(STATIC, tmp_path / "package")
    compile_with(compiler, built)  # as `npm pack` does
    installed = tmp_path / "node_modules" / package["name"]
    for path in (path for path in built.rglob("*") if path.is_file()):
        name = path.relative_to(built)
        if {name.as_posix(), name.parts[0]} & {*package["files"], "package.json"}:
            (installed / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, installed / name)
    (tmp_path / "tsconfig.json").write_text(json.dumps(APP))
    shutil.copy(HERE / "app.ts", tmp_path)
    compile_with(compiler, tmp_path)


def compile_with(compiler: Path, folder: Path) -> None:
    """Compile the project in `folder`; what TypeScript finds fails the test."""
    done = subprocess.run(
        [str(NODE), str(compiler / "typescript" / "lib" / "tsc.js"), "--pretty", "false"],
        cwd=folder,
        timeout=PATIENCE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

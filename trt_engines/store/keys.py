"""Keys of stored engines: a digest of all that decides what an engine computes.

That is the network's spec, its weights, the source code that builds it, and the versions of what
exports or compiles it. A change of any of them makes another key, so an engine is never stale.
"""

import ast
import functools
import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import models
from models.engine import EngineSpec, NetworkSource, TensorSpec

WEIGHTS = "weights"  # the part of `models` that fetches them


def ingredients(source: NetworkSource, **more: str) -> dict[str, Any]:
    """Return what decides about the engine of `source`, as JSON values.

    `more` has versions, and the target of an engine that was compiled for one.
    """
    return {
        "spec": canonical(source.spec),
        "weights": source.weights,
        "code": code_digest(source.build),
        **more,
    }


def digest(made_from: Mapping[str, Any]) -> str:
    """Return the key of an engine: SHA-256 in hexadecimal."""
    text = json.dumps(made_from, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(spec: EngineSpec) -> dict[str, Any]:
    """Return `spec` as JSON values."""
    return {
        "name": spec.name,
        "inputs": [_tensor(each) for each in spec.inputs],
        "outputs": [_tensor(each) for each in spec.outputs],
        "state": [_tensor(each) for each in spec.state],
        "profiles": [
            {
                name: [limits.minimum, limits.optimum, limits.maximum]
                for name, limits in sorted(profile.items())
            }
            for profile in spec.profiles
        ],
    }


def _tensor(spec: TensorSpec) -> list[Any]:
    return [spec.name, str(spec.dtype).removeprefix("torch."), list(spec.shape)]


def code_digest(build: Callable[..., object]) -> str:
    """Return a digest of the source code of `build`, and of all of `models` that it may call.

    These are the modules that its own module imports, and those that they import. What fetches
    weights does not count: what comes of it is in the key by its digest.
    """
    waiting, found = [_source_of(build)], dict[Path, str]()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path], imported = _read(path)
            waiting += imported
    joined = hashlib.sha256()
    for code in sorted(found.values()):
        joined.update(code.encode())
    return joined.hexdigest()


def _source_of(build: Callable[..., object]) -> Path:
    """Return the file of the module that defines `build`."""
    while isinstance(build, functools.partial):
        build = build.func
    defined = inspect.unwrap(build)
    if not hasattr(defined, "__module__"):
        defined = type(defined)
    return Path(inspect.getfile(sys.modules[defined.__module__]))


@lru_cache(maxsize=1024)
def _read(path: Path) -> tuple[str, tuple[Path, ...]]:
    """Return the digest of a source file, and the files of `models` that it imports."""
    text = path.read_bytes()
    files = {file for name in _imported(ast.parse(text)) if (file := _file(name))}
    return hashlib.sha256(text).hexdigest(), tuple(sorted(files))


def _imported(tree: ast.AST) -> Iterator[str]:
    """Return names that may be modules: `from a.b import c` imports a.b, or a.b.c."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def _file(name: str) -> Path | None:
    """Return the source file of a module of `models`, without importing it."""
    first, *parts = name.split(".")
    if first != models.__name__ or not parts or parts[0] == WEIGHTS:
        return None
    place = Path(models.__path__[0]).joinpath(*parts)
    candidates = (place.with_name(f"{place.name}.py"), place / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)

"""Changes of the file of keys that keep what its operator wrote: comments, order and layout.

The file is replaced as a whole, so that a service that reads it never sees a half of it.
"""

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from filelock import FileLock

from web.access.keys.key_file import (
    KeyFileError,
    ListedKey,
    check_name,
    key_digest,
    new_key,
    parse_keys,
    read_keys,
)
from web.access.keys.scopes import KeyScope

MODE = 0o600  # nobody else has to know the names of keys
LOCK_TIMEOUT = 10  # seconds

Values = dict[str, int | float | date | list[KeyScope]]


def add_key(path: Path, name: str, values: Values) -> str:
    """Add key `name` with these fields to the file, and return the key.

    Raises:
        KeyFileError: the file has the name already, or it or a value is wrong.
    """
    check_name(name)
    key = new_key()

    def changed(text: str) -> str:
        if name in _by_name(text):
            raise KeyFileError(f"{path}: [{name}] is there already: choose another name")
        lines = [f"[{name}]", f'hash = "sha256:{key_digest(key).hex()}"']
        lines += [f"{field} = {_toml(value)}" for field, value in values.items()]
        parted = text.rstrip("\n") + "\n\n" if text.strip() else ""
        return parted + "\n".join(lines) + "\n"

    _edit(path, changed, missing_ok=True)
    return key


def revoke_key(path: Path, name: str) -> None:
    """Mark key `name` as revoked; its name and limits stay in the file for those who read logs.

    Raises:
        KeyFileError: there is no such key, or its table is not written in a way that can be edited.
    """

    def changed(text: str) -> str:
        known = _by_name(text)
        if name not in known:
            there = ", ".join(known) or "none"
            raise KeyFileError(f"{path}: no key is named {name!r}: expected one of {there}")
        if known[name].revoked:
            raise KeyFileError(f"{path}: [{name}] is revoked already")
        return _revoked(path, text, name)

    _edit(path, changed)


def _revoked(path: Path, text: str, name: str) -> str:
    """Return `text` with `revoked = true` below the heading of `name`, and no other change."""
    heading = re.compile(rf"^[ \t]*\[[ \t]*[\"']?{re.escape(name)}[\"']?[ \t]*\][^\n]*\n?", re.M)
    for found in heading.finditer(text):  # one may be inside a string of several lines
        start, end = found.span()
        line = found[0] if found[0].endswith("\n") else found[0] + "\n"
        following = re.sub(r"^[ \t]*revoked[ \t]*=.*\n?", "", text[end:], count=1, flags=re.M)
        for rest in (text[end:], following):
            edited = f"{text[:start]}{line}revoked = true\n{rest}"
            if _differs_only_in(name, text, edited):
                return edited
    raise KeyFileError(f"{path}: cannot edit [{name}]: write `revoked = true` into its table")


def _differs_only_in(name: str, before: str, after: str) -> bool:
    """Return whether `after` is valid, and has key `name` revoked and all others as before."""
    try:
        old, new = _by_name(before), _by_name(after)
    except KeyFileError:
        return False
    return {**old, name: ListedKey(old[name].key, revoked=True)} == new


def _by_name(text: str) -> dict[str, ListedKey]:
    return {each.key.name: each for each in parse_keys(text)}


def _edit(path: Path, changed: Callable[[str], str], *, missing_ok: bool = False) -> None:
    """Replace the file by what `changed` makes of its text, if that is a valid file."""
    with _locked(path):
        if not (missing_ok and not path.exists()):
            read_keys(path)  # with an error that names the file
        text = changed(path.read_text(encoding="utf-8") if path.exists() else "")
        try:
            parse_keys(text)
        except KeyFileError as error:
            raise KeyFileError(f"{path}: not changed: {error}") from error
        _replace(path, text)


def _replace(path: Path, text: str) -> None:
    target = path.resolve()  # a link stays a link
    before = target.stat() if target.exists() else None
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), MODE if before is None else before.st_mode & 0o777)
            if before is not None and os.geteuid() == 0:  # the service may run as somebody else
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one command at a time change the file."""
    target = path.resolve()
    if not target.parent.is_dir():
        raise KeyFileError(f"{path}: no such folder: {target.parent}")
    with FileLock(target.with_name(f".{target.name}.lock"), timeout=LOCK_TIMEOUT):
        yield


def _toml(value: int | float | date | list[KeyScope]) -> str:
    """Return `value` as TOML; lists of strings are as in JSON."""
    if isinstance(value, list):
        return json.dumps([str(each) for each in value])
    return value.isoformat() if isinstance(value, date) else str(value)

"""`eyeline keys`: add, list and revoke keys in their file.

Slow imports are in functions, as its arguments are part of `eyeline --help`.
"""

import argparse
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from web.access.keys.scopes import KeyScope

if TYPE_CHECKING:
    from web.access.keys.key_edit import Values
    from web.access.keys.key_file import ListedKey
    from web.config import Settings

LIMITS = ("sessions", "minutes", "file_minutes", "requests")
SHORT_HASH = 8  # characters that tell hashes apart


def run_keys(settings: "Settings", arguments: argparse.Namespace) -> int:
    """Change or list the file of the arguments or settings; return 0.

    Raises:
        UsageError: neither names a file.
        KeyFileError: the file, or the change of it, is wrong.
    """
    from web.access.keys.key_edit import add_key, revoke_key
    from web.access.keys.key_file import read_keys
    from web.errors import UsageError

    path: Path | None = arguments.file or settings.keys
    if path is None:
        raise UsageError("which file? Set EYELINE_KEYS, or give --file keys.toml")
    match arguments.action:
        case "add":
            _print_new(path, arguments.name, add_key(path, arguments.name, _values(arguments)))
        case "revoke":
            revoke_key(path, arguments.name)
            sys.stdout.write(f"revoked {arguments.name}\n")
        case _:
            sys.stdout.write(table(read_keys(path), datetime.now(UTC)))
    return 0


def _values(arguments: argparse.Namespace) -> "Values":
    """Return the fields that the arguments set."""
    given = {name: getattr(arguments, name) for name in (*LIMITS, "scopes", "expires")}
    return {name: value for name, value in given.items() if value is not None}


def _print_new(path: Path, name: str, key: str) -> None:
    """Print the key alone on standard output, for other programs."""
    sys.stderr.write(f"key {name} is in {path}, as a hash; this is the only time it is shown:\n")
    sys.stderr.flush()
    sys.stdout.write(f"{key}\n")


def table(keys: "tuple[ListedKey, ...]", now: datetime) -> str:
    """Return a line for each key: its name, state, hash, scopes and limits."""
    rows = [("NAME", "STATE", "HASH", "SCOPES", "LIMITS")]
    for each in keys:
        key = each.key
        scopes = ",".join(scope for scope in KeyScope if scope in key.scopes)
        limits = [(name, getattr(key.limits, name)) for name in LIMITS]
        shown = ",".join(f"{name}={value:g}" for name, value in limits if value is not None)
        row = (key.name, _state(each, now), key.digest.hex()[:SHORT_HASH], scopes, shown)
        rows.append(tuple(cell or "-" for cell in row))  # type: ignore[arg-type]  # five, as above
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "".join(f"{line.rstrip()}\n" for line in padded)


def _state(listed: "ListedKey", now: datetime) -> str:
    expires = listed.key.expires
    if listed.revoked:
        return "revoked"
    if expires is None:
        return "valid"
    return "expired" if expires < now else f"until {expires:%Y-%m-%d}"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the actions of this command, and what they take."""
    _add_file(command, None)
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="add a key, and print it")
    add.add_argument("name", metavar="NAME", help="what logs call it")
    add.add_argument(
        "--scopes",
        type=_scopes,
        metavar="SCOPE,...",
        help=f"of {', '.join(KeyScope)} (all but metrics and all_sessions)",
    )
    add.add_argument("--sessions", type=int, metavar="COUNT", help="at most so many at once")
    add.add_argument("--minutes", type=float, help="of sessions in 24 hours")
    add.add_argument("--file-minutes", type=float, help="of transcribed sound in 24 hours")
    add.add_argument("--requests", type=int, metavar="COUNT", help="in a minute")
    add.add_argument("--expires", type=_day, metavar="YYYY-MM-DD", help="valid to this day, in UTC")
    listing = actions.add_parser("list", help="list all keys with their scopes and limits")
    revoke = actions.add_parser("revoke", help="end a key, its client secrets and its sessions")
    revoke.add_argument("name", metavar="NAME")
    for action in (add, listing, revoke):  # before the action or after it
        _add_file(action, argparse.SUPPRESS)


def _add_file(command: argparse.ArgumentParser, default: str | None) -> None:
    """Add the option for the file; without one, an action leaves that of the command."""
    command.add_argument(
        "--file", type=Path, default=default, metavar="FILE.toml", help="(EYELINE_KEYS)"
    )


def _scopes(text: str) -> list[KeyScope]:
    names = [each for each in text.replace(" ", "").split(",") if each]
    try:
        return [KeyScope(each) for each in dict.fromkeys(names)]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected scopes of {', '.join(KeyScope)}, comma-separated, got {text}"
        ) from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a day as 2030-01-31, got {text}") from None

"""The arguments of each command.

Imports of this module are cheap, so that `--help` is quick.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from web.cli.generation.options import add_generation_options
from web.cli.keys import add_arguments


class CommandParser(argparse.ArgumentParser):
    """Reports errors in one line, like the rest of the program; options are not cut short."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"eyeline: {message} ({self.prog} --help)\n")


def make_parser() -> CommandParser:
    parser = CommandParser(prog="eyeline", description="Self-hosted, real-time AI video chat.")
    parser.add_argument("--debug", action="store_true", help="log everything, show tracebacks")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in (
        ("demo", "serve, and print the URL of the page"),
        ("serve", "serve, and print only the log"),
    ):
        _add_serving(commands.add_parser(name, help=summary, description=summary))
    _add_cluster(commands)
    _add_replay(commands)
    _add_captions(commands)
    _add_ask(commands)
    _add_generate(commands)
    _add_publish(commands)
    _add_pull(commands)
    _add_engines(commands)
    summary = "add, list and revoke keys in their file"
    add_arguments(commands.add_parser("keys", help=summary, description=summary))
    summary = "check this machine and give advice; exit status 1 if a check fails"
    command = commands.add_parser("doctor", help=summary, description=summary)
    command.add_argument("--json", action="store_true", help="print JSON")
    commands.add_parser("version", help="print the version")
    return parser


def _add_serving(command: argparse.ArgumentParser) -> None:
    command.add_argument("--host", help="address to listen on (127.0.0.1)")
    command.add_argument("--port", type=int, help="TCP port (7860)")
    command.add_argument(
        "--cluster", metavar="HOST:PORT", help="Ray cluster to be part of (EYELINE_CLUSTER)"
    )
    _add_model(command)


def _add_cluster(commands: "argparse._SubParsersAction[CommandParser]") -> None:
    summary = "start several services as one, on nodes of a Ray cluster"
    command = commands.add_parser("cluster", help=summary, description=summary)
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    summary = "start nodes on this machine, and a service on each, until Ctrl-C"
    up = actions.add_parser("up", help=summary, description=summary)
    up.add_argument("--nodes", type=int, default=2, help="number of nodes, 1 to 16 (2)")
    up.add_argument("--port", type=int, help="TCP port of the first service (7860)")


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", help="speech recognition: tiny.en (default), base or a path")


def _add_track(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--track",
        type=_track,
        metavar="NUMBER",
        help="sound track to hear, from 1 (the default one, else the one with speech)",
    )


def _add_replay(commands: "argparse._SubParsersAction[CommandParser]") -> None:
    summary = "run a clip or a recorded session through the pipeline and print its events"
    command = commands.add_parser("replay", help=summary, description=summary)
    command.add_argument("path", type=Path, metavar="CLIP|RECORDING")
    command.add_argument("--realtime", action="store_true", help="at the speed of the recording")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    _add_track(command)
    _add_language(command)
    _add_model(command)


def _add_captions(commands: "argparse._SubParsersAction[CommandParser]") -> None:
    summary = "write the captions of a media file"
    command = commands.add_parser("captions", help=summary, description=summary)
    command.add_argument("path", type=Path, metavar="CLIP")
    command.add_argument("-o", "--output", type=Path, help="file to write (standard output)")
    command.add_argument(
        "--format",
        choices=("vtt", "srt", "json", "text"),
        help="(the suffix of the output, else vtt)",
    )
    command.add_argument(
        "--asr",
        choices=("causal", "local-agreement", "ancat", "offline"),
        help="streaming algorithm of live sessions, or offline: the whole file at once, which is "
        "the most accurate (EYELINE_ASR, see docs/settings.md)",
    )
    command.add_argument(
        "--chunk",
        type=int,
        choices=(100, 300, 1000),
        help="chunk size of causal in milliseconds (300)",
    )
    _add_track(command)
    _add_language(command)
    _add_model(command)


def _add_language(command: CommandParser) -> None:
    command.add_argument(
        "--language", help="what is spoken: a code such as de, or auto (EYELINE_LANGUAGE)"
    )


def _add_publish(commands: "argparse._SubParsersAction[CommandParser]") -> None:
    summary = "send a clip or a camera to a service, over WHIP"
    command = commands.add_parser("publish", help=summary, description=summary)
    command.add_argument("path", type=Path, metavar="CLIP|DEVICE", help="such as /dev/video0")
    command.add_argument(
        "--to", required=True, metavar="URL", help="such as http://localhost:7860, or its WHIP URL"
    )
    command.add_argument("--key", help="key of the service (EYELINE_API_KEY)")
    command.add_argument(
        "--ca", type=Path, metavar="FILE.pem", help="authority of the service's certificate"
    )
    command.add_argument(
        "--insecure", action="store_true", help="do not check the service's certificate"
    )
    command.add_argument(
        "--bitrate", type=_number(30, 50_000), default=2500, help="at most, in kbit/s (%(default)s)"
    )
    command.add_argument(
        "--frame-rate", type=_number(1, 60), default=30, help="at most (%(default)s)"
    )
    command.add_argument(
        "--size",
        type=_number(32, 3840),
        default=1280,
        help="longer side at most, in pixels (%(default)s)",
    )
    command.add_argument("--seconds", type=_seconds, help="end after so many (the end of the clip)")
    command.add_argument("--loop", action="store_true", help="play the clip again and again")
    command.add_argument("--no-audio", action="store_true", help="send the video alone")


def _add_pull(commands: "argparse._SubParsersAction[CommandParser]") -> None:
    summary = "download and verify weights; without a name, list them"
    command = commands.add_parser("pull", help=summary, description=summary)
    command.add_argument("name", nargs="?", metavar="NAME")
    command.add_argument(
        "--revision", help="branch, tag or commit (the installed one, else that of the catalog)"
    )


def _add_engines(commands: "argparse._SubParsersAction[CommandParser]") -> None:
    summary = "list the GPUs and runtimes of this machine, or make and check engines of networks"
    command = commands.add_parser("engines", help=summary, description=summary)
    command.add_argument("--json", action="store_true", help="print JSON")
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=False)
    build = actions.add_parser("build", help="export and compile networks that are not stored yet")
    _add_networks(build)
    build.add_argument(
        "--target",
        type=lambda text: tuple(each for each in text.lower().split(",") if each),
        default=(),
        metavar="SM89,...",
        help="compile for these GPU architectures with TensorRT-RTX; this machine needs no GPU",
    )
    actions.add_parser("list", help="list what is stored")
    actions.add_parser("verify", help="compare all checksums; exit status 1 if one differs")
    clean = actions.add_parser("clean", help="delete damaged and outdated engines")
    clean.add_argument("--all", action="store_true", help="delete all engines")
    accept = actions.add_parser("accept", help="prove on this machine what only a run can prove")
    _add_networks(accept)
    accept.add_argument(
        "--soak", type=float, default=600.0, metavar="SECONDS", help="of all networks (600)"
    )
    accept.add_argument("--report", type=Path, metavar="FILE", help="write the outcomes as JSON")


def _add_networks(command: argparse.ArgumentParser) -> None:
    """Add the choice of networks: a name, or all."""
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("--all", action="store_true", help="all networks of the settings")
    which.add_argument("name", nargs="?", metavar="NAME", help="one network")


def _add_ask(commands: "argparse._SubParsersAction[CommandParser]") -> None:
    summary = "answer questions about a clip or a recorded session"
    command = commands.add_parser("ask", help=summary, description=summary)
    command.add_argument("path", type=Path, metavar="CLIP|RECORDING")
    command.add_argument("questions", nargs="+", metavar="QUESTION")
    command.add_argument(
        "--at", type=float, metavar="SECONDS", help="time of the questions in the clip (its end)"
    )
    command.add_argument(
        "--memory",
        type=Path,
        metavar="FOLDER",
        help="keep the memory in this folder, to analyze the clip only once",
    )
    command.add_argument("--json", action="store_true", help="print JSON, with times")


def _add_generate(commands: "argparse._SubParsersAction[CommandParser]") -> None:
    summary = "generate a video from a prompt and tracks"
    command = commands.add_parser("generate", help=summary, description=summary)
    add_generation_options(command)


def _track(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 999:
        raise argparse.ArgumentTypeError(f"expected the number of a track, from 1, got {text}")
    return int(text)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected more than 0 seconds, got {text}")
    return seconds


def _number(low: int, high: int) -> Callable[[str], int]:
    """Return what reads a number from `low` to `high`."""

    def number(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"expected {low} to {high}, got {text}")
        return int(text)

    return number

"""What each command takes on the command line.

Nothing heavy is imported here, so that `--help` answers at once.
"""

import argparse
from pathlib import Path
from typing import NoReturn

from media.generation_events import SAMPLERS


class Parser(argparse.ArgumentParser):
    """Tells a mistake in one line, like every other error of the program."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"eyeline: {message} ({self.prog} --help)\n")


def parser_of_commands() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(prog="eyeline", description="Self-hosted, real-time AI video chat.")
    parser.add_argument("--debug", action="store_true", help="log everything, show tracebacks")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, summary in (
        ("demo", "serve, and print the address of the page to open"),
        ("serve", "serve, and print nothing but the log"),
    ):
        _add_serving(commands.add_parser(name, help=summary, description=summary))
    _add_replay(commands)
    _add_captions(commands)
    _add_ask(commands)
    _add_generate(commands)
    _add_pull(commands)
    for name, summary in (
        ("engines", "list what can run models on this machine"),
        ("doctor", "check this machine and say what to do; exit status 1 if something fails"),
    ):
        command = commands.add_parser(name, help=summary, description=summary)
        command.add_argument("--json", action="store_true", help="print JSON")
    commands.add_parser("version", help="print the version")
    return parser


def _add_serving(command: argparse.ArgumentParser) -> None:
    command.add_argument("--host", help="address to listen on (127.0.0.1)")
    command.add_argument("--port", type=int, help="TCP port (7860)")
    _add_model(command)


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", help="speech recognition: tiny.en (default), base or a path")


def _add_replay(commands: "argparse._SubParsersAction[Parser]") -> None:
    summary = "run a clip or a recorded session through the pipeline and print its events"
    command = commands.add_parser("replay", help=summary, description=summary)
    command.add_argument("path", type=Path, metavar="CLIP|RECORDING")
    command.add_argument("--realtime", action="store_true", help="as fast as it was recorded")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    _add_model(command)


def _add_captions(commands: "argparse._SubParsersAction[Parser]") -> None:
    summary = "write the captions of a media file"
    command = commands.add_parser("captions", help=summary, description=summary)
    command.add_argument("path", type=Path, metavar="CLIP")
    command.add_argument("-o", "--output", type=Path, help="file to write (standard output)")
    command.add_argument(
        "--format", choices=("vtt", "srt", "json", "text"), help="(from the file's name, else vtt)"
    )
    command.add_argument(
        "--asr",
        choices=("causal", "local-agreement", "ancat", "offline"),
        help="all but offline: as a live session hears it; offline: the whole file at "
        "once, with the most accuracy (what EYELINE_ASR says, see docs/settings.md)",
    )
    command.add_argument(
        "--chunk",
        type=int,
        choices=(100, 300, 1000),
        help="milliseconds that a causal model waits for (300)",
    )
    _add_model(command)


def _add_pull(commands: "argparse._SubParsersAction[Parser]") -> None:
    summary = "fetch and verify weights ahead of use; without a name, list them"
    command = commands.add_parser("pull", help=summary, description=summary)
    command.add_argument("name", nargs="?", metavar="NAME")
    command.add_argument(
        "--revision", help="branch, tag or commit (default: the installed one, else the catalog's)"
    )


def _add_ask(commands: "argparse._SubParsersAction[Parser]") -> None:
    summary = "answer questions about what a clip or a recorded session shows"
    command = commands.add_parser("ask", help=summary, description=summary)
    command.add_argument("path", type=Path, metavar="CLIP|RECORDING")
    command.add_argument("questions", nargs="+", metavar="QUESTION")
    command.add_argument(
        "--at", type=float, metavar="SECONDS", help="ask at this time of the clip (its end)"
    )
    command.add_argument(
        "--memory",
        type=Path,
        metavar="FOLDER",
        help="keep what was seen here, so that the clip is watched only once",
    )
    command.add_argument("--json", action="store_true", help="print JSON, with times")


def _add_generate(commands: "argparse._SubParsersAction[Parser]") -> None:
    summary = "draw a film of what a prompt and tracks say, by a small model"
    command = commands.add_parser("generate", help=summary, description=summary)
    command.add_argument("prompt", metavar="PROMPT", help='such as "a duck on grass, to the left"')
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.mp4", help="film to write"
    )
    command.add_argument(
        "--track",
        type=Path,
        metavar="FILE.json",
        help="where things go, as docs/generation.md has it; without, as the prompt's words say",
    )
    command.add_argument("--seconds", type=float, default=20.0, help="length of the film (20)")
    command.add_argument(
        "--then",
        action="append",
        default=[],
        metavar="PROMPT@SECONDS",
        help="another prompt from this second on; may be given several times",
    )
    command.add_argument("--sampler", choices=SAMPLERS, default=SAMPLERS[0], help="(%(default)s)")
    command.add_argument(
        "--steps", type=int, choices=range(1, 9), metavar="1-8", help="more is clearer and slower"
    )
    command.add_argument("--seed", type=_seed, default=0, help="another number is another film (0)")
    command.add_argument(
        "--scale",
        type=int,
        default=4,
        choices=range(1, 33),
        metavar="1-32",
        help="how many times as large as the model draws (4)",
    )
    command.add_argument(
        "--model",
        dest="drawer",
        type=Path,
        metavar="FOLDER",
        help="folder with codec.safetensors and drawing.safetensors (what comes with eyeline); or "
        "rolling-forcing, self-forcing or longlive, for a GPU, once eyeline pull fetched them",
    )


def _seed(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**53:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 2^53 - 1, got {text}")
    return number

"""The command line: what each command takes, settings, logging. The work is done elsewhere.

Everything heavy is imported by the command that needs it, so that `--help` answers at once.
"""

import argparse
import importlib.metadata
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NoReturn

from web.checks import SMALL
from web.config import CHECKOUT, Settings, read_settings
from web.errors import UsageError, run_command

CaptionFormat = Literal["vtt", "srt", "json", "text"]
SUFFIXES: dict[str, CaptionFormat] = {
    ".vtt": "vtt",
    ".srt": "srt",
    ".json": "json",
    ".txt": "text",
}
CHATTY = ("aioice", "aiortc", "asyncio", "httpx", "httpcore", "multipart", "PIL", "websockets")


class Parser(argparse.ArgumentParser):
    """Tells a mistake in one line, like every other error of the program."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"eyeline: {message} ({self.prog} --help)\n")


def run() -> NoReturn:
    """Run the command of this process's arguments, and end the process.

    Python would first take down every module: seconds, once torch and Gradio are loaded.
    """
    status = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help(sys.stderr)
        return 2
    return run_command(lambda: _run(arguments), debug=arguments.debug)


def _run(arguments: argparse.Namespace) -> int:
    settings = read_settings(
        host=getattr(arguments, "host", None),
        port=getattr(arguments, "port", None),
        asr_model=getattr(arguments, "model", None),
        asr=getattr(arguments, "asr", None),
        asr_chunk=getattr(arguments, "chunk", None),
        log_level="debug" if arguments.debug else None,
    )
    _configure_logging(settings.log_level)
    commands = {
        "demo": _demo,
        "serve": _serve,
        "replay": _replay,
        "captions": _captions,
        "ask": _ask,
        "pull": _pull,
        "engines": _engines,
        "doctor": _doctor,
        "version": _version,
    }
    return commands[arguments.command](settings, arguments)


def _configure_logging(level: str) -> None:
    logging.basicConfig(
        level=level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
        force=True,
    )
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _parser() -> Parser:
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
        choices=("causal", "local-agreement", "offline"),
        help="causal or local-agreement: as a live session hears it; offline: the whole file at "
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
        "--revision", help="branch, tag or commit on the hub (what is here already, else main)"
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


def banner(settings: Settings) -> str:
    """Return what `demo` says once it listens; `{url}` stands for the address of the page."""
    sees = f"  sees     by {settings.video_model}, and answers\n"
    if settings.video_model == SMALL:
        sees = (
            "  sees     some 600 kinds of things, persons, when; often wrong: colours, order\n"
            "  answers  SmolLM2 135M, a small model: nothing of actions, text, faces or detail\n"
        )
    return (
        "\n  eyeline is at {url}   (Ctrl-C ends it)\n\n"
        f"  hears    Whisper {settings.asr_model}, on this machine\n"
        f"{sees}"
    )


def _demo(settings: Settings, _arguments: argparse.Namespace) -> int:
    from web.serve import serve

    return serve(settings, banner=banner(settings))


def _serve(settings: Settings, _arguments: argparse.Namespace) -> int:
    from web.serve import serve

    return serve(settings, banner=None)


def _replay(settings: Settings, arguments: argparse.Namespace) -> int:
    path = _existing(arguments.path)
    from web.replay import replay

    return replay(settings, path, realtime=arguments.realtime, as_json=arguments.json)


def _captions(settings: Settings, arguments: argparse.Namespace) -> int:
    path, output = _existing(arguments.path), arguments.output
    if output is not None and not output.resolve().parent.is_dir():
        raise UsageError(f"{output}: no such folder: make it first")
    wanted = caption_format(arguments.format, output)
    from web.replay import captions

    return captions(settings, path, output=output, format=wanted)


def _pull(settings: Settings, arguments: argparse.Namespace) -> int:
    from web.pull import pull

    return pull(settings, arguments.name, revision=arguments.revision)


def _ask(settings: Settings, arguments: argparse.Namespace) -> int:
    path, at = _existing(arguments.path), arguments.at
    if at is not None and not at >= 0:
        raise UsageError(f"--at: expected seconds from the beginning, got {at}")
    if not all(question.strip() for question in arguments.questions):
        raise UsageError("an empty question: put each question in quotes")
    from web.ask import ask

    return ask(
        settings,
        path,
        arguments.questions,
        at=at,
        memory=arguments.memory,
        as_json=arguments.json,
    )


def caption_format(asked: CaptionFormat | None, output: Path | None) -> CaptionFormat:
    """Return the format that was `asked` for, or else the one that the file's name says.

    Raises:
        UsageError: the name says none.
    """
    if asked is not None or output is None:
        return asked or "vtt"
    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{output}: name it .vtt, .srt, .json or .txt, or give --format")
    return SUFFIXES[output.suffix.lower()]


def _existing(path: Path) -> Path:
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    return path


def _engines(_settings: Settings, arguments: argparse.Namespace) -> int:
    from trt_engines.detect import as_json, as_text, detect

    found = detect()
    sys.stdout.write(as_json(found) if arguments.json else as_text(found))
    return 0


def _doctor(settings: Settings, arguments: argparse.Namespace) -> int:
    from web.doctor import doctor

    return doctor(settings, as_json=arguments.json)


def _version(_settings: Settings, _arguments: argparse.Namespace) -> int:
    sys.stdout.write(f"eyeline {version()}\n")
    return 0


def version() -> str:
    """Return the version of the installed distribution."""
    try:
        return importlib.metadata.version("eyeline")
    except importlib.metadata.PackageNotFoundError:
        raise UsageError(f"not installed: run {CHECKOUT / 'eyeline'} install") from None


if __name__ == "__main__":
    run()

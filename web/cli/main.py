"""The command line: arguments, settings and logging; each command has its own module.

Slow imports are in the functions of the commands, so that `--help` is quick.
"""

import argparse
import importlib.metadata
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from media.recording.layout import check_recording
from web.cli.arguments import make_parser
from web.cli.keys import run_keys
from web.cli.output_file import check_output
from web.config import Settings, read_settings
from web.errors import UsageError, run_command
from web.log_lines import LogFormat, log_handler
from web.serving.log_limit import RepeatLimit
from web.settings.checks import SMALL
from web.settings.weights import CHECKOUT

if TYPE_CHECKING:  # slow to import
    from web.rest.subtitles import SubtitleFormat

SUFFIXES: "dict[str, SubtitleFormat]" = {
    ".vtt": "vtt",
    ".srt": "srt",
    ".json": "json",
    ".txt": "text",
}
MAX_NODES = 16  # of a cluster on one machine
QUIET_LOGGERS = (
    "aioice",
    "aiortc",
    "asyncio",
    "httpx",
    "httpcore",
    "multipart",
    "PIL",
    "websockets",
)


def run() -> NoReturn:
    """Run the command in this process's arguments, and exit without Python's cleanup.

    With torch and Gradio loaded, that cleanup takes seconds.
    """
    status = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = make_parser()
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
        language=getattr(arguments, "language", None),
        asr_chunk=getattr(arguments, "chunk", None),
        cluster=getattr(arguments, "cluster", None),
        log_level="debug" if arguments.debug else None,
    )
    _configure_logging(settings.log_level, settings.log_format)
    commands = {
        "demo": _demo,
        "serve": _serve,
        "cluster": _cluster,
        "replay": _replay,
        "captions": _captions,
        "ask": _ask,
        "generate": _generate,
        "publish": _publish,
        "pull": _pull,
        "engines": _engines,
        "keys": run_keys,
        "doctor": _doctor,
        "version": _version,
    }
    return commands[arguments.command](settings, arguments)


def _configure_logging(level: str, format: LogFormat) -> None:
    handler = log_handler(format)
    handler.addFilter(RepeatLimit())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def banner(settings: Settings) -> str:
    """Return what `demo` prints when it listens; `{url}` stands for the URL of the page."""
    video = f"  video       {settings.video_model}\n"
    if settings.video_model == SMALL:
        video = (
            "  video       about 620 kinds of objects, persons, times; often wrong: colors, order\n"
            "  answers     SmolLM2 135M, a small model: few actions, no faces or details\n"
        )
    generation = f"  generation  {settings.drawing_model}\n"
    if settings.drawing_model == SMALL:
        generation = (
            "  generation  166 names of things, 59 of backgrounds; a small model: rough shapes\n"
        )
    return (
        "\n  eyeline is at {url}   (stop it with Ctrl-C)\n\n"
        f"  captions    Whisper {settings.asr_model}, on this machine\n"
        f"{video}{generation}"
    )


def loading(settings: Settings) -> str:
    """Return what `demo` prints before its models are loaded, which takes seconds."""
    models = [f"Whisper {settings.asr_model}", f"video model {settings.video_model}"]
    if settings.drawing_model != "none":
        models.append(f"generation model {settings.drawing_model}")
    return f"loading {', '.join(models)} ...\n"


def _demo(settings: Settings, _arguments: argparse.Namespace) -> int:
    sys.stdout.write(loading(settings))
    sys.stdout.flush()
    from web.serve import serve

    return serve(settings, banner=banner(settings))


def _serve(settings: Settings, _arguments: argparse.Namespace) -> int:
    from web.serve import serve

    return serve(settings, banner=None)


def _cluster(settings: Settings, arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.nodes <= MAX_NODES:
        raise UsageError(f"--nodes: expected 1 to {MAX_NODES}, got {arguments.nodes}")
    from web.cli.cluster import up

    return up(settings, arguments.nodes)


def _replay(settings: Settings, arguments: argparse.Namespace) -> int:
    path = _existing(arguments.path)
    from web.cli.replay import replay

    return replay(
        settings,
        path,
        track=arguments.track,
        realtime=arguments.realtime,
        as_json=arguments.json,
    )


def _captions(settings: Settings, arguments: argparse.Namespace) -> int:
    path, output = _existing(arguments.path), arguments.output
    wanted = caption_format(arguments.format, output)
    if output is not None:
        check_output(output, [path])
    from web.cli.captions import captions

    return captions(settings, path, output=output, format=wanted, track=arguments.track)


def _publish(settings: Settings, arguments: argparse.Namespace) -> int:
    from web.cli.publish import publish, publish_request

    return publish(publish_request(settings, arguments))


def _pull(settings: Settings, arguments: argparse.Namespace) -> int:
    from web.cli.pull import pull

    return pull(settings, arguments.name, revision=arguments.revision)


def _ask(settings: Settings, arguments: argparse.Namespace) -> int:
    path, at = _existing(arguments.path), arguments.at
    if at is not None and not at >= 0:
        raise UsageError(f"--at: expected seconds from the start, got {at}")
    if not all(question.strip() for question in arguments.questions):
        raise UsageError("an empty question: put each question in quotes")
    from web.cli.ask import ask

    return ask(
        settings,
        path,
        arguments.questions,
        at=at,
        memory=arguments.memory,
        as_json=arguments.json,
    )


def _generate(settings: Settings, arguments: argparse.Namespace) -> int:
    output, seconds = arguments.output, arguments.seconds
    max_seconds = settings.max_media_hours * 3600
    if not 0 < seconds <= max_seconds:
        raise UsageError(
            f"--seconds: expected more than 0, at most {max_seconds:g}, got {seconds:g}"
        )
    if output.suffix.lower() != ".mp4":
        raise UsageError(f"{output}: expected a name that ends in .mp4")
    given = [each for each in (arguments.track, arguments.generation_model) if each is not None]
    check_output(output, given)
    from web.cli.generation.inputs import TimedInputs, choose_prompts, read_track_file

    inputs = TimedInputs() if arguments.track is None else read_track_file(arguments.track)
    prompts = choose_prompts(arguments.prompt, arguments.then, inputs.prompts, seconds)
    from web.cli.generation.generate import VideoRequest, generate
    from web.cli.generation.own_pictures import read_looks

    request = VideoRequest(
        prompts=prompts,
        tracks=inputs.tracks,
        seconds=seconds,
        sampler=arguments.sampler,
        steps=arguments.steps,
        seed=arguments.seed,
        scale=arguments.scale,
        enlarger=arguments.enlarger,
        pictures=read_looks(arguments.look, arguments.background, whole=arguments.whole_picture),
    )
    return generate(settings, request, arguments.generation_model, output)


def caption_format(requested: "SubtitleFormat | None", output: Path | None) -> "SubtitleFormat":
    """Return the `requested` format, or else the one of the file's suffix.

    Raises:
        UsageError: the suffix is unknown.
    """
    if requested is not None or output is None:
        return requested or "vtt"
    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{output}: name it .vtt, .srt, .json or .txt, or give --format")
    return SUFFIXES[output.suffix.lower()]


def _existing(path: Path) -> Path:
    """Return `path`, which is a file or the folder of a recording.

    Raises:
        UsageError, UnreadableMediaError: there is nothing, or another folder.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    if path.is_dir():
        check_recording(path)
    return path


def _engines(settings: Settings, arguments: argparse.Namespace) -> int:
    if arguments.action is not None:
        from web.cli.engines.actions import run_action

        return run_action(settings, arguments)
    from trt_engines.detect import as_json, as_text, detect

    found = detect()
    sys.stdout.write(as_json(found) if arguments.json else as_text(found))
    return 0


def _doctor(settings: Settings, arguments: argparse.Namespace) -> int:
    from web.cli.doctor.checks import doctor

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

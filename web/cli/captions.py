"""Captions of a media file or a recording: `eyeline captions TALK -o talk.vtt`.

They are written as they come, so that a long file needs no more memory than a short one, and an
interruption loses nothing.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from media.events.hearing import Caption, CaptionWord
from media.events.session import Input, Output
from media.files.decoding import decode_audio
from media.files.report import DecodingReport
from media.frames import AudioChunk
from models.asr.words import RATE, RecognizedWord
from web.cli.output_file import check_standard_output, open_output
from web.cli.sound_track import checked_media, heard_track, tell
from web.config import Settings
from web.loading.models import LoadedModels, load_models
from web.loading.progress import ProgressBar
from web.rerun import run_recording
from web.rest.subtitles import SubtitleFormat, SubtitleWriter


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound that gets captions: the track of a file, None the default one, and its report."""

    path: Path
    track: int | None = None
    report: DecodingReport = field(default_factory=DecodingReport)


Take = Callable[[Sequence[CaptionWord]], None]  # takes the words of the next captions


def captions(
    settings: Settings,
    path: Path,
    *,
    output: Path | None,
    format: SubtitleFormat,
    track: int | None = None,
) -> int:
    """Write captions of `path` to `output`, or to standard output; return 0.

    `track` is the number of the sound track, None chooses one.

    Raises:
        MediaError: the file cannot be read, has no audio, or is too long.
        UsageError: the output cannot be written, or is the input.
    """
    longest = settings.max_media_hours * 3600
    media = checked_media(path, max_duration=longest, track=track, needs="audio")
    duration, report = None if media is None else media.duration, DecodingReport()
    with _open_writer(path, output, format) as writer:
        bar = ProgressBar(duration, hidden=output is None and sys.stdout.isatty())
        with load_models(settings, "captions") as models, bar as progress:
            number = track or heard_track(models.services.detector.model, path)
            sound = Sound(path, number, report)
            write_captions(models, settings, sound, progress, writer.add)
    tell(report.left_out)
    if not writer.count:
        tell(f"no captions: {report.why_no_words}")
    if output is not None:
        tell(f"{writer.count} captions in {output}")
    return 0


@contextmanager
def _open_writer(
    path: Path, output: Path | None, format: SubtitleFormat
) -> Iterator[SubtitleWriter]:
    """Yield a writer to `output`, or to standard output; after an error it keeps what it has."""
    if output is None:
        check_standard_output([path])
        with _closed_at_the_end(SubtitleWriter(_print, format)) as writer:
            yield writer
        return
    with open_output(output, [path]) as file:
        writer = SubtitleWriter(file.write, format)
        try:
            with _closed_at_the_end(writer):
                yield writer
        except KeyboardInterrupt:
            if writer.count:
                reached = f"{writer.count} captions up to {writer.end:.0f} s are in {output}"
                sys.stderr.write(f"interrupted: {reached}\n")
            raise


@contextmanager
def _closed_at_the_end(writer: SubtitleWriter) -> Iterator[SubtitleWriter]:
    """Close `writer` at the end of the block; after an error only if it has captions."""
    try:
        yield writer
    except BaseException:
        if writer.count:
            writer.close()
        raise
    writer.close()


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def write_captions(
    models: LoadedModels, settings: Settings, sound: Sound, progress: ProgressBar, take: Take
) -> None:
    """Call `take` with the words of each final caption of `sound`, in order."""
    if settings.asr == "offline":
        offline_captions(models, settings, sound, progress, take)
    else:
        asyncio.run(streamed_captions(models, settings, sound, progress, take))


async def streamed_captions(
    models: LoadedModels, settings: Settings, sound: Sound, progress: ProgressBar, take: Take
) -> None:
    """Call `take` with the words of the final captions of a session."""

    async def send(output: Output) -> None:
        if isinstance(output, Caption) and output.final:
            take(output.words)

    async def show_progress(item: Input) -> None:
        if isinstance(item, AudioChunk):
            progress.update(item.end / item.rate)

    await run_recording(
        models,
        settings,
        sound.path,
        send,
        video=False,
        each=show_progress,
        track=sound.track,
        report=sound.report,
    )


def offline_captions(
    models: LoadedModels, settings: Settings, sound: Sound, progress: ProgressBar, take: Take
) -> None:
    """Call `take` with the words of the offline model, window by window."""
    longest = settings.max_media_hours * 3600
    chunks = decode_audio(sound.path, max_duration=longest, track=sound.track, report=sound.report)
    for part in models.services.files.parts(chunks, language=settings.language):
        take([caption_word(word) for word in part.words])
        progress.update(part.end / RATE)


def caption_word(word: RecognizedWord) -> CaptionWord:
    """Return `word` with its times in seconds."""
    return CaptionWord(word.text, word.start / RATE, word.end / RATE)

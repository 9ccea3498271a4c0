"""Word errors and answers of the packaged models in numbers of 16 bits, beside float32.

    python -m tests.bench.bench_precision --speech FOLDER --limit 40 --logs 10

FOLDER holds sound files and a manifest.jsonl with `path` and `text`. PyTorch runs the networks on
the CPU, in the types and with the casts that a GPU uses; sums are float32 as there. Processors have
no quick products in float16: the result of each operation in float32 is rounded to it instead.
`--answers` counts questions about a made-up stream. `differ` counts answers and clips that are not
those of float32.
`off` is the largest difference from float32 of each network, as a share of its largest output, over
numbers at random.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jiwer
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from whisper_normalizer.english import EnglishTextNormalizer

from models.asr.offline.transcription import transcribe
from models.asr.vad import SileroVad, load_silero
from models.asr.whisper.decode import DecodeConfig
from models.asr.whisper.loading import WhisperModel, load_whisper
from models.assistant.scene.scene_entry import SYSTEM, question_text
from models.engine import (
    Engine,
    EngineLoader,
    EngineState,
    ExportableNetwork,
    NetworkSource,
    TorchEngine,
)
from models.language import smollm2
from models.language.decoder import generate
from models.language.smollm2 import ChatModel, question_prompt, system_prompt
from tests.bench.bench_asr import SpeechClip, read_clips
from tests.bench.bench_packed import LONGEST, ROOM, SAME_LINES, context
from tests.bench.synthetic_stream import questions
from trt_engines.acceptance.rollout import Rollout, deviation
from trt_engines.precision import Precision, in_precision
from web.cli.engines.sources import networks
from web.config import read_settings

PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "bfloat16")


class Rounding(TorchFunctionMode):
    """Rounds the result of each operation to float16."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        short = isinstance(made, Tensor) and made.dtype == torch.float32
        return made.half().float() if short else made


class RoundedEngine(TorchEngine):
    """Runs a network of float32 as if it had float16."""

    def __init__(self, network: ExportableNetwork) -> None:
        super().__init__(network.half().float())

    def run(
        self, inputs: Mapping[str, Tensor], state: EngineState | None = None
    ) -> dict[str, Tensor]:
        with Rounding():
            return super().run(inputs, state)


def loader(precision: Precision) -> EngineLoader:
    def load(source: NetworkSource) -> Engine:
        if precision == "float16":
            return RoundedEngine(source.build())
        return TorchEngine(in_precision(source, precision).build())

    return load


def deviations(precisions: list[Precision]) -> None:
    """Print how far each network is from float32."""
    for source in networks(read_settings()):
        steps = Rollout(spec=source.spec, cursors=frozenset({"start"}))
        reference = TorchEngine(source.build())
        found = [deviation(steps, loader(each)(source), reference, 2) for each in precisions]
        cells = " ".join(f"{each:>9.1e}" for each in found)
        print(f"off      {source.spec.name:<22} {cells}", flush=True)


def transcripts(ours: WhisperModel, detector: SileroVad, clips: list[SpeechClip]) -> list[str]:
    """Return the normalized words of each clip."""
    config, normalize = DecodeConfig(beam=5, language="en"), EnglishTextNormalizer()
    found = []
    for clip in clips:
        words = transcribe(ours, detector, clip.samples, config=config)
        found.append(normalize("".join(word.text for word in words)))
    return found


def measure_speech(
    folder: Path, limit: int, models: list[str], precisions: list[Precision]
) -> None:
    settings, clips = read_settings(), read_clips(folder, limit)
    detector, normalize = load_silero(settings.weights), EnglishTextNormalizer()
    said = [normalize(clip.text) for clip in clips]
    seconds = sum(clip.seconds for clip in clips)
    print(f"speech   {len(clips)} clips, {seconds:.0f} s", flush=True)
    for name in models:
        reference: list[str] = []
        for each in precisions:
            ours = load_whisper(name, settings.weights, loader(each), threads=1)
            heard = transcripts(ours, detector, clips)
            reference = reference or heard
            counted = jiwer.process_words(said, heard)
            kinds = f"{counted.substitutions}/{counted.deletions}/{counted.insertions}"
            differ = sum(one != other for one, other in zip(heard, reference, strict=True))
            errors = f"{100 * counted.wer:.2f} % ({kinds}), {differ} clips differ"
            print(f"speech   {name:<10} {each:<9} {errors}", flush=True)


def measure_answers(count: int, precisions: list[Precision]) -> None:
    settings = read_settings()
    reference: list[str] = []
    for each in precisions:
        chat = smollm2.load_quantized(
            settings.weights / "smollm2-135m",
            opening=system_prompt(SYSTEM),
            load_engine=loader(each),
        )
        given = answers(chat, count)
        reference = reference or given
        differ = sum(one != other for one, other in zip(given, reference, strict=True))
        print(f"answers  {each:<9} {differ} of {count} differ", flush=True)


def answers(chat: ChatModel, count: int) -> list[str]:
    """Return the answers to `count` questions, greedily."""
    given = []
    for number, question in enumerate(questions(count)):
        text = question_prompt(question_text(question, float(number)))
        shown = context(chat, number // SAME_LINES)
        x = torch.cat([shown, chat.decoder.embed(chat.encode(text))])
        caches = chat.decoder.new_caches(len(x) + ROOM)
        tokens = generate(chat.decoder, x, caches, max_tokens=LONGEST, stop={chat.end})
        given.append(chat.decode(list(tokens)))
    return given


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speech", type=Path, help="folder of sound files and manifest.jsonl")
    parser.add_argument("--limit", type=int, default=40, help="clips")
    parser.add_argument("--models", nargs="+", default=["tiny.en"])
    parser.add_argument("--answers", type=int, default=100)
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"PyTorch uses {torch.backends.cpu.get_cpu_capability()}", file=sys.stderr)
    if given.speech is not None:
        measure_speech(given.speech, given.limit, given.models, given.precisions)
    if given.answers:
        measure_answers(given.answers, given.precisions)
    deviations([each for each in given.precisions if each != "float32"])


if __name__ == "__main__":
    main()

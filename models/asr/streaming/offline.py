"""Transcribe a whole recording: windows of 30 s, each beginning where the last word ended."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from models.asr.whisper.align import FRAME, Span, align
from models.asr.whisper.decode import DecodeConfig, Decoded, decode, detect_language
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.mel import HOP, Samples, log_mel
from models.asr.whisper.whisper import TextState
from models.asr.words import RecognizedWord

Progress = Callable[[int, int], None]  # (samples done, samples in all)

CONFIDENT = 0.5  # above this temperature, a transcript is not shown to the next window


@torch.inference_mode()
def transcribe(
    recogniser: WhisperModel,
    samples: Samples,
    *,
    beam: int = 5,
    language: str | None = None,
    config: DecodeConfig | None = None,
    progress: Progress | None = None,
) -> list[RecognizedWord]:
    """Return the words of `samples`, float32 (n,) in [-1, 1] at 16 kHz, of any length.

    A multilingual model listens for the language of the first window where none is given.
    `config` overrides `beam` and `language`. The same sound gives the same words.

    Raises:
        ValueError: `samples` is not 1-D, or the model does not know the language.
    """
    if samples.ndim != 1:
        raise ValueError(f"expected mono samples (n,), got {samples.shape}")
    options = config or DecodeConfig(beam=beam, language=language)
    rng = torch.Generator().manual_seed(0)
    words: list[RecognizedWord] = []
    before: list[int] = []
    start = 0
    while start < len(samples):
        encoded = _encode(recogniser, samples, start)
        if options.language is None:
            spoken = detect_language(recogniser.model, recogniser.tokenizer, encoded)
            options = replace(options, language=spoken)
        heard = decode(
            recogniser.model, recogniser.tokenizer, encoded, options, before=before, rng=rng
        )
        length = min(_window(recogniser), len(samples) - start)
        if heard.silent(options):
            start += length
        else:
            tokens, used = _complete(recogniser, heard, length)
            words += _words(recogniser, encoded, tokens, start, length, options.language)
            before = [*before, *tokens] if heard.temperature <= CONFIDENT else []
            start += used
        if progress:
            progress(min(start, len(samples)), len(samples))
    return words


def _window(recogniser: WhisperModel) -> int:
    """Return how many samples the encoder hears at once."""
    return recogniser.model.config.audio_context * FRAME


def _encode(recogniser: WhisperModel, samples: Samples, start: int) -> Tensor:
    window = _window(recogniser)
    heard = samples[start : start + window]
    padded = np.pad(heard, (0, window - len(heard)))
    return recogniser.model.encode(log_mel(padded, recogniser.model.config.mels)[None])


def _complete(recogniser: WhisperModel, heard: Decoded, length: int) -> tuple[list[int], int]:
    """Return the text tokens of whole segments, and how many samples they cover.

    Times come in pairs, so two in a row end a segment. Text after the last pair is heard
    again in the next window, unless the transcript ends with a single time or none: then
    nothing more is said in this one.
    """
    first = recogniser.tokenizer.first_timestamp
    tokens = list(heard.tokens)
    times = [token >= first for token in tokens]
    ends = [i for i in range(1, len(tokens)) if times[i - 1] and times[i]]
    single = times[-2:] == [False, True]
    used = length
    if ends and not single:
        tokens = tokens[: ends[-1]]
        used = min(length, max(HOP, (tokens[-1] - first) * FRAME))
    return [token for token in tokens if token < recogniser.tokenizer.end], used


def _words(
    recogniser: WhisperModel,
    encoded: Tensor,
    tokens: Sequence[int],
    start: int,
    length: int,
    language: str | None,
) -> list[RecognizedWord]:
    """Place the words of one window; `start` is its first sample, `length` what it holds."""
    state = recogniser.model.init_state(encoded)
    frames = -(-length // FRAME)
    spans = align(
        recogniser.model,
        recogniser.tokenizer,
        recogniser.heads,
        state,
        recogniser.tokenizer.words(tokens, language),
        frames=frames,
        language=language,
    )
    chances = _chances(recogniser, state, tokens, language)
    words, first = [], 0
    for span in spans:
        last = first + len(span.tokens)
        words.append(_word(recogniser, span, start, start + length, chances[first:last]))
        first = last
    return words


def _word(
    recogniser: WhisperModel, span: Span, start: int, limit: int, chances: Sequence[float]
) -> RecognizedWord:
    return RecognizedWord(
        text=recogniser.tokenizer.decode(span.tokens),
        start=min(limit, start + span.start * FRAME),
        end=min(limit, start + span.end * FRAME),
        probability=float(np.mean(chances)),
    )


def _chances(
    recogniser: WhisperModel, state: TextState, tokens: Sequence[int], language: str | None
) -> list[float]:
    """Return the probability of each of `tokens` after those before it."""
    if not tokens:
        return []
    opening = recogniser.tokenizer.opening(language, timestamps=False)
    read = torch.tensor([[*opening, *tokens]])
    hidden, _ = recogniser.model.decode(read, TextState(state.sound, ()))
    said = hidden[0, len(opening) - 1 : -1]
    chances = recogniser.model.logits(said)[:, : recogniser.tokenizer.end].softmax(1)
    return chances[torch.arange(len(tokens)), torch.tensor(tokens)].tolist()

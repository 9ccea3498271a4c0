"""Transcribe a whole recording in windows of 30 s; each begins where the last segment ended."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from models.asr.whisper.alignment import FRAME, WordSpan, align
from models.asr.whisper.decode import DecodeConfig, DecodingResult, decode, detect_language
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.mel import HOP, Samples, log_mel
from models.asr.whisper.whisper import DecoderState
from models.asr.words import RecognizedWord

Progress = Callable[[int, int], None]  # (samples done, samples in all)

MAX_PROMPT_TEMPERATURE = 0.5  # transcripts of a higher temperature are no prompt


@torch.inference_mode()
def transcribe(
    recognizer: WhisperModel,
    samples: Samples,
    *,
    beam: int = 5,
    language: str | None = None,
    config: DecodeConfig | None = None,
    progress: Progress | None = None,
) -> list[RecognizedWord]:
    """Return the words of `samples`, float32 (n,) in [-1, 1] at 16 kHz, of any length.

    Without `language`, a multilingual model detects it from the first window. `config` overrides
    `beam` and `language`. The same samples give the same words.

    Raises:
        ValueError: `samples` is not 1-D, or the model does not know the language.
    """
    if samples.ndim != 1:
        raise ValueError(f"expected mono samples (n,), got {samples.shape}")
    options = config or DecodeConfig(beam=beam, language=language)
    rng = torch.Generator().manual_seed(0)
    words: list[RecognizedWord] = []
    prompt: list[int] = []
    start = 0
    while start < len(samples):
        encoded = _encode(recognizer, samples, start)
        if options.language is None:
            spoken = detect_language(recognizer.model, recognizer.tokenizer, encoded)
            options = replace(options, language=spoken)
        result = decode(
            recognizer.model, recognizer.tokenizer, encoded, options, prompt=prompt, rng=rng
        )
        length = min(_window(recognizer), len(samples) - start)
        if result.is_silent(options):
            start += length
        else:
            tokens, used = _complete_segments(recognizer, result, length)
            words += _words(recognizer, encoded, tokens, start, length, options.language)
            prompt = [*prompt, *tokens] if result.temperature <= MAX_PROMPT_TEMPERATURE else []
            start += used
        if progress:
            progress(min(start, len(samples)), len(samples))
    return words


def _window(recognizer: WhisperModel) -> int:
    """Return how many samples the encoder takes at once."""
    return recognizer.model.config.audio_context * FRAME


def _encode(recognizer: WhisperModel, samples: Samples, start: int) -> Tensor:
    window = _window(recognizer)
    part = samples[start : start + window]
    padded = np.pad(part, (0, window - len(part)))
    return recognizer.model.encode(log_mel(padded, recognizer.model.config.mels)[None])


def _complete_segments(
    recognizer: WhisperModel, result: DecodingResult, length: int
) -> tuple[list[int], int]:
    """Return the text tokens of complete segments, and how many samples they cover.

    Timestamps come in pairs, so two in a row end a segment. Text after the last pair is
    transcribed again in the next window, unless the transcript ends with a single timestamp or
    none: then it covers the whole window.
    """
    first = recognizer.tokenizer.first_timestamp
    tokens = list(result.tokens)
    times = [token >= first for token in tokens]
    ends = [i for i in range(1, len(tokens)) if times[i - 1] and times[i]]
    single = times[-2:] == [False, True]
    used = length
    if ends and not single:
        tokens = tokens[: ends[-1]]
        used = min(length, max(HOP, (tokens[-1] - first) * FRAME))
    return [token for token in tokens if token < recognizer.tokenizer.end], used


def _words(
    recognizer: WhisperModel,
    encoded: Tensor,
    tokens: Sequence[int],
    start: int,
    length: int,
    language: str | None,
) -> list[RecognizedWord]:
    """Return the words of one window of `length` samples from sample `start`."""
    state = recognizer.model.init_state(encoded)
    frames = -(-length // FRAME)
    spans = align(
        recognizer.model,
        recognizer.tokenizer,
        recognizer.heads,
        state,
        recognizer.tokenizer.words(tokens, language),
        frames=frames,
        language=language,
    )
    probabilities = _probabilities(recognizer, state, tokens, language)
    words, first = [], 0
    for span in spans:
        last = first + len(span.tokens)
        words.append(_word(recognizer, span, start, start + length, probabilities[first:last]))
        first = last
    return words


def _word(
    recognizer: WhisperModel, span: WordSpan, start: int, limit: int, probabilities: Sequence[float]
) -> RecognizedWord:
    return RecognizedWord(
        text=recognizer.tokenizer.decode(span.tokens),
        start=min(limit, start + span.start * FRAME),
        end=min(limit, start + span.end * FRAME),
        probability=float(np.mean(probabilities)),
    )


def _probabilities(
    recognizer: WhisperModel, state: DecoderState, tokens: Sequence[int], language: str | None
) -> list[float]:
    """Return the probability of each of `tokens` after those before it."""
    if not tokens:
        return []
    opening = recognizer.tokenizer.opening(language, timestamps=False)
    read = torch.tensor([[*opening, *tokens]])
    hidden, _ = recognizer.model.decode(read, DecoderState(state.sound, ()))
    scores = recognizer.model.logits(hidden[0, len(opening) - 1 : -1])
    probabilities = scores[:, : recognizer.tokenizer.end].softmax(1)
    return probabilities[torch.arange(len(tokens)), torch.tensor(tokens)].tolist()

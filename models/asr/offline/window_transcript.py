"""The words of one window of speech: decoded, then placed in the frames that hold speech."""

from collections.abc import Sequence
from dataclasses import replace
from string import punctuation

import numpy as np
import torch
from numpy.typing import NDArray

from models.asr.speech_activity import FRAME as DETECTOR_FRAME
from models.asr.speech_activity import Region, Samples, widened
from models.asr.whisper.alignment import FRAME, WordSpan, align
from models.asr.whisper.decode import DecodeConfig, decode, detect_language
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.mel import log_mel
from models.asr.whisper.whisper import DecoderState
from models.asr.words import RATE, RecognizedWord

# Seconds that a word takes at most: speech beyond that is not its own.
LONGEST_WORD = 0.4
LONGEST_LETTER = 0.15  # more for each letter
BESIDE_WORDS = f" {punctuation}"
LONGEST_SIGN = 0.6  # more for each digit, and signs that are spoken: 1455, www.example.org


class WindowTranscriber:
    """Transcribes windows of one recording, in one language.

    Without a language in `config`, a multilingual model detects it from the first window.
    """

    def __init__(self, recognizer: WhisperModel, config: DecodeConfig) -> None:
        self.recognizer = recognizer
        self._config = config

    @torch.inference_mode()
    def transcribe(
        self, samples: Samples, speech: Sequence[Region], prompt: str = ""
    ) -> list[RecognizedWord]:
        """Return the words of `samples`, float32 (n,) at 16 kHz, at most 30 s.

        `speech` are the regions that hold some, `prompt` the text before. The same samples give
        the same words.

        Raises:
            ValueError: the model does not know the language.
        """
        model, tokenizer = self.recognizer.model, self.recognizer.tokenizer
        padded = np.pad(samples, (0, model.config.audio_context * FRAME - len(samples)))
        encoded = model.encode(log_mel(padded, model.config.mels)[None])
        if self._config.language is None:
            spoken = detect_language(model, tokenizer, encoded)
            self._config = replace(self._config, language=spoken)
        result = decode(
            model,
            tokenizer,
            encoded,
            self._config,
            prompt=tokenizer.encode(prompt),
            rng=torch.Generator().manual_seed(0),
        )
        tokens = [token for token in result.tokens if token < tokenizer.end]
        if result.is_silent(self._config) or not tokens:
            return []
        return self._placed(model.init_state(encoded), tokens, speech, len(samples))

    def _placed(
        self, state: DecoderState, tokens: list[int], speech: Sequence[Region], length: int
    ) -> list[RecognizedWord]:
        language = self._config.language
        spans = align(
            self.recognizer.model,
            self.recognizer.tokenizer,
            self.recognizer.heads,
            state,
            self.recognizer.tokenizer.words(tokens, language),
            frames=-(-length // FRAME),
            speech=speech_frames(speech, length),
            delay=self.recognizer.delay,
            language=language,
        )
        probabilities = self._probabilities(state, tokens)
        words, first = [], 0
        for index, span in enumerate(spans):
            last = first + len(span.tokens)
            words.append(self._word(span, length, probabilities[first:last], index == 0))
            first = last
        return words

    def _word(
        self, span: WordSpan, length: int, probabilities: Sequence[float], opens: bool
    ) -> RecognizedWord:
        """Return `span` as a word; speech that is too long for it is beside it."""
        text = self.recognizer.tokenizer.decode(span.tokens)
        start, end = min(length, span.start * FRAME), min(length, span.end * FRAME)
        limit = longest(text)
        if end - start > limit:
            start, end = (end - limit, end) if opens else (start, start + limit)
        return RecognizedWord(text, start, end, float(np.mean(probabilities)))

    def _probabilities(self, state: DecoderState, tokens: list[int]) -> list[float]:
        """Return the probability of each of `tokens` after those before it."""
        model, tokenizer = self.recognizer.model, self.recognizer.tokenizer
        opening = tokenizer.opening(self._config.language, timestamps=False)
        read = torch.tensor([[*opening, *tokens]], device=state.sound[0][0].device)
        hidden, _ = model.decode(read, DecoderState(state.sound, ()))
        scores = model.logits(hidden[0, len(opening) - 1 : -1])
        probabilities = scores[:, : tokenizer.end].softmax(1)
        return probabilities[torch.arange(len(tokens)), torch.tensor(tokens)].tolist()


def is_spelled(word: str) -> bool:
    """Return whether more is spoken than the letters of `word`: 1455, www.example.org."""
    return not all(letter.isalpha() for letter in word.strip(BESIDE_WORDS))


def longest(word: str) -> int:
    """Return how many samples `word` takes at most."""
    seconds = (
        LONGEST_LETTER if letter.isalpha() else LONGEST_SIGN for letter in word.strip(BESIDE_WORDS)
    )
    return round((LONGEST_WORD + sum(seconds)) * RATE)


def speech_frames(speech: Sequence[Region], length: int) -> NDArray[np.bool_]:
    """Return which encoder frames of `length` samples hold `speech`, bool (frames,).

    The detector notices speech a frame of its own late.
    """
    frames = np.zeros(-(-length // FRAME), np.bool_)
    for start, end in widened(speech, DETECTOR_FRAME, length):
        frames[start // FRAME : -(-end // FRAME)] = True
    return frames

"""The words of one window of speech: decoded, then placed in the frames that hold speech."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from models.asr.speech_activity import Region, Samples
from models.asr.whisper.alignment import FRAME, WordSpan, align, speech_frames
from models.asr.whisper.decode import DecodeConfig, DetectedLanguage, decode, detect_language
from models.asr.whisper.decoder import DecodedTokens, DecoderState
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.mel import log_mel
from models.asr.whisper.repetition import may_be_loop, spoken_words
from models.asr.whisper.tokenizer import comparable
from models.asr.words import RecognizedWord, longest


class WindowTranscriber:
    """Transcribes windows of one recording, in one language.

    Without a language in `config`, a multilingual model detects it from the first window, among
    `languages` if there are any.
    """

    def __init__(
        self, recognizer: WhisperModel, config: DecodeConfig, languages: Collection[str] = ()
    ) -> None:
        self.recognizer = recognizer
        self._config = config
        self._languages = languages
        self.detected: DetectedLanguage | None = None  # once the first window is transcribed

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
        decoder, tokenizer = self.recognizer.decoder, self.recognizer.tokenizer
        config = self.recognizer.config
        padded = np.pad(samples, (0, config.audio_context * FRAME - len(samples)))
        state = decoder.open(self.recognizer.encoder.encode(log_mel(padded, config.mels)))
        if self._config.language is None:
            self.detected = detect_language(decoder, tokenizer, state, self._languages)
            self._config = replace(self._config, language=self.detected.code)
        frames = speech_frames(speech, len(samples))
        result = decode(
            decoder,
            tokenizer,
            state,
            self._config,
            prompt=tokenizer.encode(prompt),
            rng=torch.Generator().manual_seed(0),
            spoken=lambda tokens: self._spoken(state, tokens, frames),
        )
        tokens = [token for token in result.tokens if token < tokenizer.end]
        if result.is_silent(self._config) or not tokens:
            return []
        return self._placed(state, tokens, frames, len(samples))

    def _spoken(
        self, state: DecoderState, tokens: Sequence[int], frames: NDArray[np.bool_]
    ) -> tuple[int, ...]:
        """Return the text of `tokens` that there is sound for; none if nothing is said again."""
        tokenizer = self.recognizer.tokenizer
        text = [token for token in tokens if token < tokenizer.end]
        spans = self._align(state, text, frames)
        words = [comparable(tokenizer, span.tokens) for span in spans]
        kept = spoken_words(words, [span.start for span in spans])
        if not may_be_loop([words[index] for index in kept]):
            return ()
        return tuple(token for index in kept for token in spans[index].tokens)

    def _align(
        self,
        state: DecoderState,
        tokens: Sequence[int],
        frames: NDArray[np.bool_],
        read: DecodedTokens | None = None,
    ) -> list[WordSpan]:
        language = self._config.language
        written = "en" if self._config.task == "translate" else language
        return align(
            self.recognizer.decoder,
            self.recognizer.tokenizer,
            state,
            self.recognizer.tokenizer.words(tokens, written),
            frames=len(frames),
            speech=frames,
            delay=self.recognizer.delay,
            language=language,
            task=self._config.task,
            read=read,
        )

    def _placed(
        self, state: DecoderState, tokens: list[int], frames: NDArray[np.bool_], length: int
    ) -> list[RecognizedWord]:
        decoder, tokenizer = self.recognizer.decoder, self.recognizer.tokenizer
        opening = tokenizer.opening(self._config.language, timestamps=False, task=self._config.task)
        scored = range(len(opening) - 1, len(opening) + len(tokens) - 1)
        read = decoder.decode([*opening, *tokens], state.cut(0), scored)
        spans = self._align(state, tokens, frames, read)
        chances = read.logits[:, : tokenizer.end].softmax(1)
        probabilities = chances[torch.arange(len(tokens)), torch.tensor(tokens)].tolist()
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

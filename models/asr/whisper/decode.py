"""Decode one window: greedy, sampling or beam search, with temperature fallback.

Word times come from `alignment`; whole recordings are transcribed in `asr.offline`.

Source: Radford et al. 2022, section 4.5.
"""

import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.asr.whisper.decoder import DecoderState, WhisperDecoder
from models.asr.whisper.logit_filters import NEVER, LogitFilters
from models.asr.whisper.tokenizer import Task, WhisperTokenizer

# Takes tokens that repeat; returns those that there is sound for, none if it is a loop.
SpokenTokens = Callable[[Sequence[int]], tuple[int, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeConfig:
    """How to decode. The defaults are those of the published decoder.

    A transcript is decoded again at the next of `temperatures` if its compression ratio is above
    `max_compression_ratio`, unless what repeats is spoken, or its mean log-probability below
    `min_log_prob`. It is dropped if
    the probability of "no speech" is above `silence`, or if that is above `no_speech` and the
    log-probability is too low.
    """

    beam: int = 5
    best_of: int = 5
    temperatures: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    max_compression_ratio: float = 2.4
    min_log_prob: float = -1.0
    no_speech: float = 0.6
    silence: float = 1.0
    timestamps: bool = True
    language: str | None = None
    task: Task = "transcribe"
    max_tokens: int = 224  # half of the text context; the other half is for the prompt


@dataclass(frozen=True, slots=True)
class DecodingResult:
    """Tokens after the opening, without the end of text; with timestamps if configured.

    `log_prob` is the mean over the tokens and the end; `no_speech` is a probability.
    """

    tokens: tuple[int, ...]
    log_prob: float
    no_speech: float
    compression_ratio: float
    temperature: float = 0.0

    def is_silent(self, config: DecodeConfig) -> bool:
        """Return whether the audio holds no speech after all."""
        unlikely = self.log_prob < config.min_log_prob
        return self.no_speech > config.silence or (unlikely and self.no_speech > config.no_speech)


@dataclass(frozen=True, slots=True)
class DetectedLanguage:
    """The code of a language, and how likely it is, in [0, 1]."""

    code: str
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class BeamHypothesis:
    """Tokens so far, their summed log-probability, and whether the text ended."""

    tokens: tuple[int, ...]
    total: float
    ended: bool = False

    @property
    def mean(self) -> float:
        return self.total / (len(self.tokens) + 1)

    def extended(self, token: int, log_prob: float, end: int) -> "BeamHypothesis":
        if token == end:
            return BeamHypothesis(self.tokens, self.total + log_prob, ended=True)
        return BeamHypothesis((*self.tokens, token), self.total + log_prob)


def decode(
    decoder: WhisperDecoder,
    tokenizer: WhisperTokenizer,
    opened: DecoderState,
    config: DecodeConfig,
    *,
    prompt: Sequence[int] = (),
    rng: torch.Generator,
    spoken: SpokenTokens | None = None,
) -> DecodingResult:
    """Return the best transcript of the sound of `opened`, a state without tokens.

    `prompt` are the tokens before the window. Temperatures above 0 draw from `rng`. `spoken` finds
    the repetitions that are no loops.

    Raises:
        ValueError: the model does not know the configured language.
    """
    opening = _opening(decoder, tokenizer, config, prompt)
    filters = LogitFilters(tokenizer, config.timestamps)
    state, scores, no_speech = _begin(decoder, tokenizer, opened, opening)
    decoded = None
    for temperature in config.temperatures:
        if temperature > 0:
            found = _sample(decoder, filters, state, scores, config, temperature, rng)
        else:
            found = _beam_search(decoder, filters, state, scores, config)
        ratio, tokens = compression_ratio(tokenizer.decode(found.tokens)), found.tokens
        repeated = spoken(tokens) if spoken and ratio > config.max_compression_ratio else ()
        decoded = DecodingResult(repeated or tokens, found.mean, no_speech, ratio, temperature)
        varied = bool(repeated) or ratio <= config.max_compression_ratio
        plausible = varied and found.mean >= config.min_log_prob
        if plausible or decoded.is_silent(config):
            break
    if decoded is None:
        raise ValueError("expected at least one temperature, got none")
    return decoded


def compression_ratio(text: str) -> float:
    """Return by how much zlib compresses `text`: a high ratio means repetition."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw))


def detect_language(
    decoder: WhisperDecoder,
    tokenizer: WhisperTokenizer,
    opened: DecoderState,
    among: Collection[str] = (),
) -> DetectedLanguage:
    """Return the likeliest language of a sound.

    Only languages `among` those given are considered, all if there are none; their probabilities
    sum to 1. An English-only model says "en".

    Source: Radford et al. 2022, section 2.3 (the token after the start of the transcript).
    """
    known = [code for code in tokenizer.languages if not among or code in among]
    if not known:
        return DetectedLanguage("en", 1.0)
    _, scores, _ = _begin(decoder, tokenizer, opened, (tokenizer.start,))
    chances = scores[[tokenizer.languages[code] for code in known]].softmax(0)
    best = int(chances.argmax())
    return DetectedLanguage(known[best], float(chances[best]))


def _opening(
    decoder: WhisperDecoder,
    tokenizer: WhisperTokenizer,
    config: DecodeConfig,
    prompt: Sequence[int],
) -> tuple[int, ...]:
    kept = prompt[-(decoder.config.text_context // 2 - 1) :]
    return tokenizer.opening(
        config.language, timestamps=config.timestamps, prompt=kept, task=config.task
    )


def _begin(
    decoder: WhisperDecoder,
    tokenizer: WhisperTokenizer,
    opened: DecoderState,
    opening: tuple[int, ...],
) -> tuple[DecoderState, Tensor, float]:
    """Decode the opening: the state, scores (vocabulary,) of the first token, and "no speech"."""
    read = decoder.decode(opening, opened, scored=(opening.index(tokenizer.start), -1))
    no_speech = read.logits[0].softmax(0)[tokenizer.no_speech]
    return read.state, read.logits[1], float(no_speech)


def _tokens_left(decoder: WhisperDecoder, state: DecoderState, config: DecodeConfig) -> int:
    """Return how many more tokens fit."""
    return min(config.max_tokens, decoder.config.text_context - state.length)


def _advance(
    decoder: WhisperDecoder, states: Sequence[DecoderState], beams: Sequence[BeamHypothesis]
) -> tuple[Tensor, list[DecoderState]]:
    """Decode the last token of each of `beams`; return scores (beams, vocabulary)."""
    found = decoder.extend(
        [(state, beam.tokens[-1]) for state, beam in zip(states, beams, strict=True)]
    )
    return torch.cat([each.logits for each in found]), [each.state for each in found]


def _beam_search(
    decoder: WhisperDecoder,
    filters: LogitFilters,
    state: DecoderState,
    scores: Tensor,
    config: DecodeConfig,
) -> BeamHypothesis:
    """Return the finished hypothesis with the best mean; a beam of 1 is greedy."""
    end = filters.tokenizer.end
    beams, finished = [BeamHypothesis((), 0.0)], list[BeamHypothesis]()
    rows, states = scores[None], [state]
    for _ in range(_tokens_left(decoder, state, config)):
        grown = []
        for index, (beam, row) in enumerate(zip(beams, rows, strict=True)):
            best = filters.apply(row.clone(), beam.tokens).topk(config.beam + 1)
            for log_prob, token in zip(best.values.tolist(), best.indices.tolist(), strict=True):
                if log_prob > NEVER:
                    grown.append((beam.extended(token, log_prob, end), index))
        grown.sort(key=lambda pair: -pair[0].total)
        best_ended = [pair[0] for pair in grown[: config.beam] if pair[0].ended]
        finished += best_ended
        going = [pair for pair in grown if not pair[0].ended][: config.beam]
        if len(finished) >= config.beam or not going:
            break
        beams = [beam for beam, _ in going]
        rows, states = _advance(decoder, [states[index] for _, index in going], beams)
    return max(finished or beams, key=lambda beam: beam.mean)


def _sample(
    decoder: WhisperDecoder,
    filters: LogitFilters,
    state: DecoderState,
    scores: Tensor,
    config: DecodeConfig,
    temperature: float,
    rng: torch.Generator,
) -> BeamHypothesis:
    """Return the best of several transcripts sampled at `temperature`."""
    end = filters.tokenizer.end
    beams, done = [BeamHypothesis((), 0.0)] * config.best_of, list[BeamHypothesis]()
    rows, states = scores.expand(config.best_of, -1), [state] * config.best_of
    for _ in range(_tokens_left(decoder, state, config)):
        grown = []
        for index, (beam, row) in enumerate(zip(beams, rows, strict=True)):
            log_probs = filters.apply(row.clone(), beam.tokens)
            drawn = int(torch.multinomial((log_probs / temperature).softmax(0), 1, generator=rng))
            grown.append((beam.extended(drawn, float(log_probs[drawn]), end), index))
        done += [beam for beam, _ in grown if beam.ended]
        going = [pair for pair in grown if not pair[0].ended]
        if not going:
            break
        beams = [beam for beam, _ in going]
        rows, states = _advance(decoder, [states[index] for _, index in going], beams)
    return max(done or beams, key=lambda beam: beam.mean)

"""From encoded sound to tokens: greedy, sampled, or by beam search, with Whisper's second tries.

One window at a time, one request at a time; what the tokens mean in time is for `align` and
`offline`.

Source: Radford et al. 2022, section 4.5.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from models.asr.whisper.logit_filters import NEVER, Rules
from models.asr.whisper.tokenizer import Tokenizer
from models.asr.whisper.whisper import TextState, Whisper


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeConfig:
    """How to search. The defaults are those of the published decoder.

    A transcript whose text compresses by more than `compression`, or whose mean log-probability
    is below `log_probability`, is decoded again at the next of `temperatures`; one below
    `log_probability` where "no speech" is likelier than `no_speech` is dropped, and so is any
    where it is likelier than `silence`.
    """

    beam: int = 5
    best_of: int = 5
    temperatures: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    compression: float = 2.4
    log_probability: float = -1.0
    no_speech: float = 0.6
    silence: float = 1.0
    timestamps: bool = True
    language: str | None = None
    longest: int = 224  # tokens: half the text context; the other half is for what was said before


@dataclass(frozen=True, slots=True)
class Decoded:
    """Tokens after the opening, without the end of text; times among them where asked for.

    `log_probability` is the mean over the tokens and the end; `no_speech` is in [0, 1].
    """

    tokens: tuple[int, ...]
    log_probability: float
    no_speech: float
    compression: float
    temperature: float = 0.0

    def silent(self, config: DecodeConfig) -> bool:
        """Tell whether the sound held no speech after all."""
        unsure = self.log_probability < config.log_probability
        heard_nothing = self.no_speech > config.no_speech and unsure
        return heard_nothing or self.no_speech > config.silence


@dataclass(frozen=True, slots=True, eq=False)
class Hypothesis:
    """Tokens so far, their summed log-probability, and whether the end was reached."""

    tokens: tuple[int, ...]
    total: float
    ended: bool = False

    @property
    def mean(self) -> float:
        return self.total / (len(self.tokens) + 1)

    def then(self, token: int, chance: float, end: int) -> "Hypothesis":
        if token == end:
            return Hypothesis(self.tokens, self.total + chance, ended=True)
        return Hypothesis((*self.tokens, token), self.total + chance)


def decode(
    model: Whisper,
    tokenizer: Tokenizer,
    encoded: Tensor,
    config: DecodeConfig,
    *,
    before: Sequence[int] = (),
    rng: torch.Generator,
) -> Decoded:
    """Return the best transcript of `encoded`, float32 (1, frames, width).

    `before` are the tokens said before the window. Temperatures above 0 draw from `rng`.

    Raises:
        ValueError: the model does not know the language that was asked for.
    """
    opening = _opening(model, tokenizer, config, before)
    rules = Rules(tokenizer, config.timestamps)
    state, scores, no_speech = _begin(model, tokenizer, encoded, opening)
    decoded = None
    for temperature in config.temperatures:
        if temperature > 0:
            found = _sample(model, rules, state, scores, config, temperature, rng)
        else:
            found = _beam_search(model, rules, state, scores, config)
        ratio = compression(tokenizer.decode(found.tokens))
        decoded = Decoded(found.tokens, found.mean, no_speech, ratio, temperature)
        unsure = decoded.log_probability < config.log_probability
        if decoded.silent(config) or not (ratio > config.compression or unsure):
            break
    if decoded is None:
        raise ValueError("expected at least one temperature, got none")
    return decoded


def compression(text: str) -> float:
    """Return how many times smaller zlib makes `text`: high where it repeats itself."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw))


def detect_language(model: Whisper, tokenizer: Tokenizer, encoded: Tensor) -> str:
    """Return the likeliest language of `encoded`, (1, frames, width); English-only says "en"."""
    if not tokenizer.languages:
        return "en"
    _, scores, _ = _begin(model, tokenizer, encoded, (tokenizer.start,))
    names = list(tokenizer.languages)
    return names[int(scores[list(tokenizer.languages.values())].argmax())]


def _opening(
    model: Whisper, tokenizer: Tokenizer, config: DecodeConfig, before: Sequence[int]
) -> tuple[int, ...]:
    opening = tokenizer.opening(config.language, timestamps=config.timestamps)
    kept = before[-(model.config.text_context // 2 - 1) :]
    return (tokenizer.previous, *kept, *opening) if kept else opening


def _begin(
    model: Whisper, tokenizer: Tokenizer, encoded: Tensor, opening: tuple[int, ...]
) -> tuple[TextState, Tensor, float]:
    """Read the opening: the state, scores (vocabulary,) of the first token, and "no speech"."""
    tokens = torch.tensor([opening], device=encoded.device)
    hidden, state = model.decode(tokens, model.init_state(encoded))
    start = opening.index(tokenizer.start)
    chances = model.logits(hidden[0, [start, -1]])
    return state, chances[1], float(chances[0].softmax(0)[tokenizer.no_speech])


def _room(model: Whisper, state: TextState, config: DecodeConfig) -> int:
    """Return how many tokens may still be said."""
    return min(config.longest, model.config.text_context - state.length)


def _advance(model: Whisper, state: TextState, beams: list[Hypothesis]) -> tuple[Tensor, TextState]:
    """Read the last token of each of `beams`; return scores (beams, vocabulary)."""
    device = state.sound[0][0].device
    tokens = torch.tensor([[beam.tokens[-1]] for beam in beams], device=device)
    hidden, state = model.decode(tokens, state)
    return model.logits(hidden[:, -1]), state


def _beam_search(
    model: Whisper, rules: Rules, state: TextState, scores: Tensor, config: DecodeConfig
) -> Hypothesis:
    """Return the finished hypothesis with the best mean; a beam of 1 is greedy."""
    end = rules.tokenizer.end
    beams, finished = [Hypothesis((), 0.0)], list[Hypothesis]()
    rows = scores[None]
    for _ in range(_room(model, state, config)):
        grown = []
        for index, (beam, row) in enumerate(zip(beams, rows, strict=True)):
            best = rules.apply(row.clone(), beam.tokens).topk(config.beam + 1)
            for chance, token in zip(best.values.tolist(), best.indices.tolist(), strict=True):
                if chance > NEVER:
                    grown.append((beam.then(token, chance, end), index))
        grown.sort(key=lambda pair: -pair[0].total)
        best_ended = [pair[0] for pair in grown[: config.beam] if pair[0].ended]
        finished += best_ended
        going = [pair for pair in grown if not pair[0].ended][: config.beam]
        if len(finished) >= config.beam or not going:
            break
        beams = [beam for beam, _ in going]
        state = state.take(torch.tensor([index for _, index in going]))
        rows, state = _advance(model, state, beams)
    return max(finished or beams, key=lambda beam: beam.mean)


def _sample(
    model: Whisper,
    rules: Rules,
    state: TextState,
    scores: Tensor,
    config: DecodeConfig,
    temperature: float,
    rng: torch.Generator,
) -> Hypothesis:
    """Return the best of several transcripts drawn at `temperature`."""
    end = rules.tokenizer.end
    beams, done = [Hypothesis((), 0.0)] * config.best_of, list[Hypothesis]()
    rows = scores.expand(config.best_of, -1)
    state = state.take(torch.zeros(config.best_of, dtype=torch.long))
    for _ in range(_room(model, state, config)):
        grown = []
        for index, (beam, row) in enumerate(zip(beams, rows, strict=True)):
            chances = rules.apply(row.clone(), beam.tokens)
            drawn = int(torch.multinomial((chances / temperature).softmax(0), 1, generator=rng))
            grown.append((beam.then(drawn, float(chances[drawn]), end), index))
        done += [beam for beam, _ in grown if beam.ended]
        going = [pair for pair in grown if not pair[0].ended]
        if not going:
            break
        beams = [beam for beam, _ in going]
        state = state.take(torch.tensor([index for _, index in going]))
        rows, state = _advance(model, state, beams)
    return max(done or beams, key=lambda beam: beam.mean)

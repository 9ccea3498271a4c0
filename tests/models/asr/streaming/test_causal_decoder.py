from itertools import product

import pytest
import torch
from torch import Tensor

from models.asr.streaming.causal_decoder import CausalDecoder, CausalHypothesis
from models.asr.streaming.causal_loading import CausalModel
from models.asr.whisper.sound import EncodedSound, sound_of
from models.asr.whisper.whisper_networks import SoundProjections
from tests.models.asr import whisper_reference as reference
from tests.models.asr.tiny import CONFIG, tiny_checkpoint

NETWORK = tiny_checkpoint().build()


def encoded(frames: int, seed: int = 3) -> Tensor:
    """Return hidden frames at random, as an encoder might make them."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(1, frames, CONFIG.audio_width, generator=rng)


def heard(frames: int, seed: int = 3) -> EncodedSound:
    return sound_of(SoundProjections(NETWORK.decoder)(encoded(frames, seed)))


def opened(recognizer: CausalModel) -> CausalHypothesis:
    return CausalHypothesis(recognizer.tokenizer.opening(None, timestamps=False))


def mean(hypothesis: CausalHypothesis) -> float:
    return hypothesis.total / (len(hypothesis.tokens) + 1)


@torch.inference_mode()
def test_a_resumed_hypothesis_is_the_one_decoded_at_once(
    random_causal: CausalModel,
) -> None:
    """Unless a look takes something back: here no token is unstable."""
    decoder = CausalDecoder(random_causal, unstable=0, end_bias=-6.0)
    sound = heard(40)
    first = decoder.update(opened(random_causal), sound, max_tokens=5)
    second = decoder.update(first, sound, max_tokens=9)
    whole = decoder.update(opened(random_causal), sound, max_tokens=9)
    assert len(whole.tokens) == 9
    assert second.token_ids == whole.token_ids
    assert second.total == pytest.approx(whole.total, abs=1e-3)  # read one by one, or in a row


@torch.inference_mode()
def test_only_unstable_tokens_may_change(random_causal: CausalModel) -> None:
    decoder = CausalDecoder(random_causal, unstable=2, end_bias=-6.0)
    hypothesis = decoder.update(opened(random_causal), heard(40), max_tokens=8)
    changed = 0
    for seed in range(6):
        again = decoder.update(hypothesis, heard(60, seed), max_tokens=8)
        assert again.token_ids[: len(hypothesis.tokens) - 2] == hypothesis.token_ids[:-2]
        changed += again.token_ids != hypothesis.token_ids
    assert changed


@torch.inference_mode()
def test_a_wider_beam_finds_likelier_hypotheses(random_causal: CausalModel) -> None:
    greedy = CausalDecoder(random_causal, unstable=2, end_bias=-6.0)
    beam = CausalDecoder(random_causal, unstable=2, end_bias=-6.0, beam=4)
    gained = 0.0
    for seed in range(6):
        sound = heard(40, seed)
        one = greedy.update(opened(random_causal), sound, max_tokens=6)
        found = beam.update(opened(random_causal), sound, max_tokens=6)
        gained += mean(found) - mean(one)
        again = beam.update(found, heard(60, seed), max_tokens=8)
        assert len(again.tokens) <= 8
        kept = max(0, len(found.tokens) - 2)
        assert again.token_ids[:kept] == found.token_ids[:kept]
    assert gained > 0


@pytest.mark.slow
@torch.inference_mode()
def test_a_wide_beam_finds_the_best_of_all_hypotheses(
    random_causal: CausalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a plain search: every draft of three words, each read from its beginning."""
    decoder = CausalDecoder(random_causal, unstable=2, end_bias=0.0, beam=64)
    end = random_causal.tokenizer.end
    few = random_causal.tokenizer.encode(" so it go")
    only = torch.full((CONFIG.vocabulary,), float("-inf"))
    only[few] = 0.0
    monkeypatch.setattr(
        CausalDecoder, "_log_probs", lambda _, scores: (scores + only).log_softmax(1)
    )
    lengths = set()
    for seed in range(12):
        sound = heard(40, seed)
        opening = opened(random_causal).opening
        only[end] = seed / 2
        count: int = 0
        best: tuple[int, ...] = (0,)
        while count < 4:  # of all drafts of so many tokens and one more, the likeliest
            scored: dict[tuple[int, ...], float] = {}
            for token_ids in product(few, repeat=count):
                scores = reference.logits(NETWORK, [*opening, *token_ids], encoded(40, seed))
                rows = decoder._log_probs(scores[len(opening) - 1 :])
                total = sum(float(rows[n, token]) for n, token in enumerate(token_ids))
                scored |= {(*token_ids, one): total + float(rows[-1, one]) for one in (*few, end)}
            count, best = count + 1, max(scored, key=lambda token_ids: scored[token_ids])
            if best[-1] == end:
                break
        wanted = best[:-1] if best[-1] == end else best
        found = decoder.update(opened(random_causal), sound, max_tokens=4)
        assert tuple(found.token_ids) == wanted
        lengths.add(len(wanted))
    assert len(lengths) > 1


@torch.inference_mode()
def test_a_prompt_is_read_before_the_transcript(random_causal: CausalModel) -> None:
    tokenizer = random_causal.tokenizer
    before = tokenizer.encode(" so it goes")
    opening = tokenizer.opening(None, timestamps=False, prompt=before)
    plain = tokenizer.opening(None, timestamps=False)
    assert opening == (tokenizer.previous, *before, *plain)
    decoder = CausalDecoder(random_causal, unstable=2, end_bias=-6.0)
    sound = heard(40)
    without = decoder.update(opened(random_causal), sound, max_tokens=6)
    with_prompt = decoder.update(CausalHypothesis(opening), sound, max_tokens=6)
    assert without.token_ids != with_prompt.token_ids
    assert with_prompt.text is not None
    assert with_prompt.text.length >= len(opening)


def test_a_beam_of_nothing_is_refused(random_causal: CausalModel) -> None:
    with pytest.raises(ValueError, match="a beam from 1"):
        CausalDecoder(random_causal, unstable=2, end_bias=0.0, beam=0)

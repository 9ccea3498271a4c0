from itertools import product

import pytest
import torch

from models.asr.streaming.causal_text import Draft, Writer, loops
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.prompt import prompted
from models.asr.whisper.whisper import KeyValue, TextState


def heard(recogniser: WhisperModel, frames: int, seed: int = 3) -> tuple[KeyValue, ...]:
    rng = torch.Generator().manual_seed(seed)
    sound = torch.randn(1, frames, recogniser.model.config.audio_width, generator=rng)
    return recogniser.model.init_state(sound).sound


def opened(recogniser: WhisperModel) -> Draft:
    return Draft(prompted(recogniser.tokenizer, ()))


def mean(draft: Draft) -> float:
    return draft.total / (len(draft.said) + 1)


@torch.inference_mode()
def test_a_draft_that_goes_on_is_the_one_written_in_one_look(
    random_recogniser: WhisperModel,
) -> None:
    """Unless a look takes something back: here no token is unstable."""
    writer = Writer(random_recogniser, unstable=0, patience=-6.0)
    sound = heard(random_recogniser, 40)
    first = writer.look(opened(random_recogniser), sound, most=5)
    second = writer.look(first, sound, most=9)
    whole = writer.look(opened(random_recogniser), sound, most=9)
    assert len(whole.said) == 9
    assert second.tokens == whole.tokens
    assert second.total == pytest.approx(whole.total, abs=1e-3)  # read one by one, or in a row


@torch.inference_mode()
def test_only_unstable_tokens_may_be_taken_back(random_recogniser: WhisperModel) -> None:
    writer = Writer(random_recogniser, unstable=2, patience=-6.0)
    draft = writer.look(opened(random_recogniser), heard(random_recogniser, 40), most=8)
    changed = 0
    for seed in range(6):
        again = writer.look(draft, heard(random_recogniser, 60, seed), most=8)
        assert again.tokens[: len(draft.said) - 2] == draft.tokens[:-2]
        changed += again.tokens != draft.tokens
    assert changed


@torch.inference_mode()
def test_a_wider_beam_finds_drafts_that_are_likelier(random_recogniser: WhisperModel) -> None:
    greedy = Writer(random_recogniser, unstable=2, patience=-6.0)
    beam = Writer(random_recogniser, unstable=2, patience=-6.0, beam=4)
    gained = 0.0
    for seed in range(6):
        sound = heard(random_recogniser, 40, seed)
        one = greedy.look(opened(random_recogniser), sound, most=6)
        found = beam.look(opened(random_recogniser), sound, most=6)
        gained += mean(found) - mean(one)
        again = beam.look(found, heard(random_recogniser, 60, seed), most=8)
        assert len(again.said) <= 8
        kept = max(0, len(found.said) - 2)
        assert again.tokens[:kept] == found.tokens[:kept]
    assert gained > 0


@torch.inference_mode()
def test_a_beam_wide_enough_finds_what_trying_every_draft_finds(
    random_recogniser: WhisperModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a plain search: every draft of three words, each read from its beginning."""
    writer = Writer(random_recogniser, unstable=2, patience=0.0, beam=64)
    model, end = random_recogniser.model, random_recogniser.tokenizer.end
    few = random_recogniser.tokenizer.encode(" so it go")
    only = torch.full((model.config.vocabulary,), float("-inf"))
    only[few] = 0.0
    monkeypatch.setattr(Writer, "_chances", lambda _, x: (model.logits(x) + only).log_softmax(1))
    lengths = set()
    for seed in range(12):
        sound = heard(random_recogniser, 40, seed)
        opening = opened(random_recogniser).opening
        only[end] = seed / 2
        count: int = 0
        best: tuple[int, ...] = (0,)
        while count < 4:  # of all drafts of so many tokens and one more, the likeliest
            scored: dict[tuple[int, ...], float] = {}
            for tokens in product(few, repeat=count):
                read = torch.tensor([[*opening, *tokens]])
                hidden, _ = model.decode(read, TextState(sound, ()))
                rows = writer._chances(hidden[0, len(opening) - 1 :])
                total = sum(float(rows[n, token]) for n, token in enumerate(tokens))
                scored |= {(*tokens, one): total + float(rows[-1, one]) for one in (*few, end)}
            count, best = count + 1, max(scored, key=lambda tokens: scored[tokens])
            if best[-1] == end:
                break
        wanted = best[:-1] if best[-1] == end else best
        found = writer.look(opened(random_recogniser), sound, most=4)
        assert tuple(found.tokens) == wanted
        lengths.add(len(wanted))
    assert len(lengths) > 1


@torch.inference_mode()
def test_a_prompt_is_read_before_the_transcript(random_recogniser: WhisperModel) -> None:
    tokenizer = random_recogniser.tokenizer
    before = tokenizer.encode(" so it goes")
    opening = prompted(tokenizer, before)
    assert opening == (tokenizer.previous, *before, *prompted(tokenizer, ()))
    writer = Writer(random_recogniser, unstable=2, patience=-6.0)
    sound = heard(random_recogniser, 40)
    plain = writer.look(opened(random_recogniser), sound, most=6)
    told = writer.look(Draft(opening), sound, most=6)
    assert plain.tokens != told.tokens
    assert told.text[0][0].shape[2] >= len(opening)


def test_a_phrase_said_again_and_again_is_a_loop() -> None:
    assert not loops([1, 2, 3, 1, 2, 3])
    assert loops([9, 1, 2, 3, 1, 2, 3, 1, 2, 3])
    assert not loops([9, 1, 2, 3, 1, 2, 3, 1, 2, 4])
    assert not loops([7, 7, 7, 7, 7])  # words, words, words: people do
    assert loops([7, 7, 7, 7, 7, 7])
    assert not loops([])


def test_a_beam_of_nothing_is_refused(random_recogniser: WhisperModel) -> None:
    with pytest.raises(ValueError, match="a beam from 1"):
        Writer(random_recogniser, unstable=2, patience=0.0, beam=0)

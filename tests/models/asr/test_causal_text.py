import pytest
import torch

from models.asr.causal_text import Draft, Writer, loops
from models.asr.prompt import prompted
from models.asr.recogniser import Recogniser
from models.asr.whisper import KeyValue


def heard(recogniser: Recogniser, frames: int, seed: int = 3) -> tuple[KeyValue, ...]:
    rng = torch.Generator().manual_seed(seed)
    sound = torch.randn(1, frames, recogniser.model.config.audio_width, generator=rng)
    return recogniser.model.init_state(sound).sound


def opened(recogniser: Recogniser) -> Draft:
    return Draft(prompted(recogniser.tokenizer, ()))


def mean(draft: Draft) -> float:
    return draft.total / (len(draft.said) + 1)


@torch.inference_mode()
def test_a_draft_that_goes_on_is_the_one_written_in_one_look(
    random_recogniser: Recogniser,
) -> None:
    """Unless a look takes something back: here no token is unstable."""
    writer = Writer(random_recogniser, unstable=0, patience=-6.0)
    sound = heard(random_recogniser, 40)
    (first,) = writer.look([opened(random_recogniser)], sound, most=5)
    (second,) = writer.look([first], sound, most=9)
    (whole,) = writer.look([opened(random_recogniser)], sound, most=9)
    assert len(whole.said) == 9
    assert second.tokens == whole.tokens
    assert second.total == pytest.approx(whole.total, abs=1e-3)  # read one by one, or in a row


@torch.inference_mode()
def test_only_unstable_tokens_may_be_taken_back(random_recogniser: Recogniser) -> None:
    writer = Writer(random_recogniser, unstable=2, patience=-6.0)
    (draft,) = writer.look([opened(random_recogniser)], heard(random_recogniser, 40), most=8)
    changed = 0
    for seed in range(6):
        (again,) = writer.look([draft], heard(random_recogniser, 60, seed), most=8)
        assert again.tokens[: len(draft.said) - 2] == draft.tokens[:-2]
        changed += again.tokens != draft.tokens
    assert changed


@torch.inference_mode()
def test_a_wider_beam_finds_drafts_that_are_likelier(random_recogniser: Recogniser) -> None:
    greedy = Writer(random_recogniser, unstable=2, patience=-6.0)
    beam = Writer(random_recogniser, unstable=2, patience=-6.0, beam=4)
    gained = 0.0
    for seed in range(6):
        sound = heard(random_recogniser, 40, seed)
        (one,) = greedy.look([opened(random_recogniser)], sound, most=6)
        drafts = beam.look([opened(random_recogniser)], sound, most=6)
        assert [mean(d) for d in drafts] == sorted((mean(d) for d in drafts), reverse=True)
        assert len({tuple(d.tokens) for d in drafts}) == len(drafts)
        gained += mean(drafts[0]) - mean(one)
        again = beam.look(drafts, sound, most=6)
        assert all(len(d.said) <= 6 for d in again)
    assert gained > 0


@torch.inference_mode()
def test_a_prompt_is_read_before_the_transcript(random_recogniser: Recogniser) -> None:
    tokenizer = random_recogniser.tokenizer
    before = tokenizer.encode(" so it goes")
    opening = prompted(tokenizer, before)
    assert opening == (tokenizer.previous, *before, *prompted(tokenizer, ()))
    writer = Writer(random_recogniser, unstable=2, patience=-6.0)
    sound = heard(random_recogniser, 40)
    (plain,) = writer.look([opened(random_recogniser)], sound, most=6)
    (told,) = writer.look([Draft(opening)], sound, most=6)
    assert plain.tokens != told.tokens
    assert told.text[0][0].shape[2] >= len(opening)


def test_a_phrase_said_again_and_again_is_a_loop() -> None:
    assert not loops([1, 2, 3, 1, 2, 3])
    assert loops([9, 1, 2, 3, 1, 2, 3, 1, 2, 3])
    assert not loops([9, 1, 2, 3, 1, 2, 3, 1, 2, 4])
    assert not loops([7, 7, 7, 7, 7])  # words, words, words: people do
    assert loops([7, 7, 7, 7, 7, 7])
    assert not loops([])


def test_a_beam_of_nothing_is_refused(random_recogniser: Recogniser) -> None:
    with pytest.raises(ValueError, match="a beam from 1"):
        Writer(random_recogniser, unstable=2, patience=0.0, beam=0)

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.asr.whisper.whisper import DecoderState
from tests.models.asr.tiny import SMALL, tiny_whisper

MODEL = tiny_whisper()
MEL = torch.randn(1, 80, 100, generator=torch.Generator().manual_seed(1))
SOUND = MODEL.init_state(MODEL.encode(MEL))
TOKENS = torch.randint(0, SMALL.vocabulary, (1, 20), generator=torch.Generator().manual_seed(2))


@given(cuts=st.lists(st.integers(1, 19), max_size=6, unique=True).map(sorted))
@settings(max_examples=30)
def test_decoding_with_the_cache_equals_decoding_at_once(cuts: list[int]) -> None:
    state, parts = SOUND, []
    for piece in TOKENS.tensor_split(cuts, dim=1):
        hidden, state = MODEL.decode(piece, state)
        parts.append(hidden)
    whole, _ = MODEL.decode(TOKENS, SOUND)
    # float32 sums in another order
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=0, atol=1e-4)


def test_a_cut_state_has_forgotten_what_came_later() -> None:
    _, state = MODEL.decode(TOKENS, SOUND)
    other = TOKENS.flip(1)[:, :5]
    _, short = MODEL.decode(TOKENS[:, :8], SOUND)
    after_cut, _ = MODEL.decode(other, state.cut(8))
    fresh, _ = MODEL.decode(other, short)
    torch.testing.assert_close(after_cut, fresh, rtol=0, atol=1e-4)
    assert state.length == 20


def test_taken_rows_go_on_as_their_own_streams() -> None:
    rows = torch.stack([TOKENS[0, :6], TOKENS[0, 6:12]])
    start = SOUND.select_rows(torch.tensor([0, 0])) if SOUND.text else DecoderState(SOUND.sound, ())
    two = tuple((k.expand(2, -1, -1, -1), v.expand(2, -1, -1, -1)) for k, v in start.sound)
    _, state = MODEL.decode(rows, DecoderState(two, ()))
    swapped, _ = MODEL.decode(TOKENS[:, :2].expand(2, -1), state.select_rows(torch.tensor([1, 0])))
    _, alone = MODEL.decode(rows[1:], SOUND)
    expected, _ = MODEL.decode(TOKENS[:, :2], alone)
    torch.testing.assert_close(swapped[:1], expected, rtol=0, atol=1e-4)


def test_a_token_attends_to_the_audio_through_earlier_tokens_only() -> None:
    changed = TOKENS.clone()
    changed[0, -1] = (changed[0, -1] + 1) % SMALL.vocabulary
    scores = MODEL.cross_scores(TOKENS, SOUND, [(1, 0)])
    other = MODEL.cross_scores(changed, SOUND, [(1, 0)])
    assert scores.shape == (1, 20, 50)
    torch.testing.assert_close(scores[:, :-1], other[:, :-1])
    assert not torch.equal(scores[:, -1], other[:, -1])


def test_a_picture_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"80, at most 100"):
        MODEL.encode(torch.zeros(1, 80, 102))
    with pytest.raises(ValueError, match=r"80, at most 100"):
        MODEL.encode(torch.zeros(1, 128, 50))

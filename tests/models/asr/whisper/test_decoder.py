from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.asr.whisper.decoder import DecoderState, WhisperDecoder
from models.asr.whisper.sound import EncodedSound, WhisperEncoder
from tests.models.asr import whisper_reference as reference
from tests.models.asr.tiny import SMALL, TinyEngines, tiny_checkpoint

CHECKPOINT = tiny_checkpoint(SMALL)
NETWORK, HEADS = CHECKPOINT.build(), CHECKPOINT.heads()
MEL = torch.randn(80, 100, generator=torch.Generator().manual_seed(1))
ENCODED = reference.encode(NETWORK, MEL)
TOKENS = torch.randint(
    0, SMALL.vocabulary, (20,), generator=torch.Generator().manual_seed(2)
).tolist()


@dataclass(frozen=True)
class Opened:
    decoder: WhisperDecoder
    sound: EncodedSound

    @property
    def state(self) -> DecoderState:
        return self.decoder.open(self.sound)

    def scores(self, tokens: list[int], state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Return the scores after each of `tokens`."""
        read = self.decoder.decode(tokens, state, range(len(tokens)))
        return read.logits, read.state


@pytest.fixture(scope="module", params=["torch", pytest.param("onnx", marks=pytest.mark.slow)])
def opened(request: pytest.FixtureRequest) -> Opened:
    engines: TinyEngines = request.getfixturevalue(f"tiny_whisper_in_{request.param}")
    return Opened(
        WhisperDecoder(SMALL, HEADS, engines.decoder),
        WhisperEncoder(SMALL, engines.encoder).encode(MEL),
    )


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)  # sums in another order


@given(cuts=st.lists(st.integers(1, 19), max_size=6, unique=True).map(sorted))
@settings(max_examples=30)
def test_decoding_in_pieces_equals_reading_all_at_once(opened: Opened, cuts: list[int]) -> None:
    state, parts = opened.state, []
    for first, last in zip([0, *cuts], [*cuts, 20], strict=True):
        scores, state = opened.scores(TOKENS[first:last], state)
        parts.append(scores)
    assert_close(torch.cat(parts), reference.logits(NETWORK, TOKENS, ENCODED))


def test_only_the_rows_that_are_asked_for_are_scored(opened: Opened) -> None:
    whole = reference.logits(NETWORK, TOKENS, ENCODED)
    read = opened.decoder.decode(TOKENS, opened.state, scored=(3, -1))
    assert_close(read.logits, whole[[3, -1]])


def test_a_state_stays_valid_whatever_is_decoded_after_it(opened: Opened) -> None:
    other = TOKENS[::-1]
    _, state = opened.scores(TOKENS, opened.state)
    after_cut, _ = opened.scores(other[:5], state.cut(8))
    assert_close(after_cut, reference.logits(NETWORK, TOKENS[:8] + other[:5], ENCODED)[8:])
    _, short = opened.scores(TOKENS[:12], state.cut(0))  # needs a new cache
    again, _ = opened.scores(TOKENS[12:15], short)
    same, _ = opened.scores(TOKENS[12:15], state.cut(12))
    assert_close(again, same)
    assert state.length == 20


@pytest.mark.parametrize("steps", [6, 20])
def test_hypotheses_side_by_side_are_those_read_alone(opened: Opened, steps: int) -> None:
    """Six hypotheses that branch at random; with 20 tokens each they need several caches."""
    rng = torch.Generator().manual_seed(steps)
    _, state = opened.scores(TOKENS[:4], opened.state)
    beams = [(TOKENS[:4], state)]
    for _ in range(steps):
        parents = torch.randint(0, len(beams), (6,), generator=rng).tolist()
        tokens = torch.randint(0, SMALL.vocabulary, (6,), generator=rng).tolist()
        if steps == 20 and len(beams) == 6:
            parents = list(range(6))  # nothing is shared but the opening
        read = opened.decoder.extend(
            [(beams[parent][1], token) for parent, token in zip(parents, tokens, strict=True)]
        )
        beams = [
            ([*beams[parent][0], token], one.state)
            for parent, token, one in zip(parents, tokens, read, strict=True)
        ]
        for (texts, state), one in zip(beams, read, strict=True):
            assert state.length == len(texts)
            assert_close(one.logits, reference.logits(NETWORK, texts, ENCODED)[-1:])
            scores = opened.decoder.cross_scores(one.queries, opened.sound)
            expected = reference.cross_scores(NETWORK, texts, ENCODED, HEADS)
            assert_close(scores, expected[:, -1:])


def test_alignment_heads_attend_to_the_sound_as_without_a_cache(opened: Opened) -> None:
    read = opened.decoder.decode(TOKENS, opened.state)
    scores = opened.decoder.cross_scores(read.queries, opened.sound)
    assert scores.shape == (2, 20, 50)
    assert_close(scores, reference.cross_scores(NETWORK, TOKENS, ENCODED, HEADS))


def test_a_rollout_of_200_steps_that_fills_many_caches(opened: Opened) -> None:
    """Each step branches from one of the last states, so slots are left behind."""
    rng = torch.Generator().manual_seed(0)
    texts, state = TOKENS[:2], opened.scores(TOKENS[:2], opened.state)[1]
    for _ in range(200):
        token = int(torch.randint(0, SMALL.vocabulary, (), generator=rng))
        keep = int(torch.randint(max(1, len(texts) - 3), len(texts) + 1, (), generator=rng))
        texts, state = [*texts[: min(keep, 30)], token], state.cut(min(keep, 30))
        scores, state = opened.scores([token], state)
        assert_close(scores, reference.logits(NETWORK, texts, ENCODED)[-1:])


def test_mel_of_the_wrong_size_is_refused(opened: Opened) -> None:
    encoder = WhisperEncoder(SMALL, opened.decoder._engine)
    for shape in ((80, 102), (128, 50), (80, 51)):
        with pytest.raises(ValueError, match=r"\(80, at most 100, even\)"):
            encoder.encode(torch.zeros(shape))

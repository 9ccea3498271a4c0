import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.asr.whisper.greedy import greedy
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.logit_filters import LogitFilters
from tests.models.asr import whisper_reference as reference

MEL = torch.randn(80, 200, generator=torch.Generator().manual_seed(3))


def plain(
    recognizer: WhisperModel, filters: LogitFilters, opening: list[int], count: int
) -> list[int]:
    """Decode token by token, reading everything anew each time."""
    model, tokens = recognizer.checkpoint.build(), list[int]()
    encoded = reference.encode(model, MEL)
    while len(tokens) < count:
        scores = reference.logits(model, [*opening, *tokens], encoded)
        token = int(filters.apply(scores[-1].clone(), tokens).argmax())
        if token == filters.tokenizer.end:
            break
        tokens.append(token)
    return tokens


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=25)
def test_any_draft_and_any_forced_beginning_gives_the_plain_result(
    data: st.DataObject, random_recognizer: WhisperModel
) -> None:
    decoder = random_recognizer.decoder
    filters = LogitFilters(random_recognizer.tokenizer, timestamps=False)
    opening = list(random_recognizer.tokenizer.opening(None, timestamps=False))
    expected = plain(random_recognizer, filters, opening, 8)
    right = data.draw(st.integers(0, len(expected)))
    wrong = data.draw(st.lists(st.integers(300, 4000), max_size=4))
    forced = data.draw(st.integers(0, right))
    result = greedy(
        decoder,
        filters,
        decoder.open(random_recognizer.encoder.encode(MEL)),
        opening,
        forced=expected[:forced],
        draft=[*expected[forced:right], *wrong],
        max_tokens=8 - forced,
    )
    assert list(result.tokens) == expected[forced:]
    assert len(result.log_probs) == len(result.tokens)
    assert 0 <= result.no_speech <= 1

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.asr.whisper.greedy import greedy
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.logit_filters import Rules

MEL = torch.randn(1, 80, 200, generator=torch.Generator().manual_seed(3))


def plain(recogniser: WhisperModel, rules: Rules, opening: list[int], count: int) -> list[int]:
    """Decode token by token, reading everything anew each time."""
    model, said = recogniser.model, list[int]()
    sound = model.init_state(model.encode(MEL))
    while len(said) < count:
        hidden, _ = model.decode(torch.tensor([[*opening, *said]]), sound)
        token = int(rules.apply(model.logits(hidden[0, -1]), said).argmax())
        if token == rules.tokenizer.end:
            break
        said.append(token)
    return said


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_draft_and_any_forced_beginning_gives_the_plain_result(
    data: st.DataObject, random_recogniser: WhisperModel
) -> None:
    model = random_recogniser.model
    rules = Rules(random_recogniser.tokenizer, timestamps=False)
    opening = list(random_recogniser.tokenizer.opening(None, timestamps=False))
    expected = plain(random_recogniser, rules, opening, 8)
    right = data.draw(st.integers(0, len(expected)))
    wrong = data.draw(st.lists(st.integers(300, 4000), max_size=4))
    forced = data.draw(st.integers(0, right))
    result = greedy(
        model,
        rules,
        model.init_state(model.encode(MEL)),
        opening,
        forced=expected[:forced],
        draft=[*expected[forced:right], *wrong],
        longest=8 - forced,
    )
    assert list(result.tokens) == expected[forced:]
    assert len(result.chances) == len(result.tokens)
    assert 0 <= result.no_speech <= 1

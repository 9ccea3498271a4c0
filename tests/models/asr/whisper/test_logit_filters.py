import torch

from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.logit_filters import LogitFilters


def allowed(
    filters: LogitFilters, tokens: list[int], scores: torch.Tensor | None = None
) -> set[int]:
    given = torch.zeros(51864) if scores is None else scores
    return set(filters.apply(given, tokens).isfinite().nonzero()[:, 0].tolist())


def test_without_timestamps_no_time_and_no_mark_is_allowed(tiny_en: WhisperModel) -> None:
    t = tiny_en.tokenizer
    tokens = allowed(LogitFilters(t, timestamps=False), t.encode(" so"))
    assert max(tokens) == t.end
    assert not tokens & set(t.suppressed)
    assert t.end not in allowed(LogitFilters(t, timestamps=False), [])


def test_a_transcript_with_times_begins_with_one_in_the_first_second(tiny_en: WhisperModel) -> None:
    t = tiny_en.tokenizer
    first = t.first_timestamp
    assert allowed(LogitFilters(t, timestamps=True), []) == set(range(first, first + 51))


def test_times_come_in_pairs_and_never_go_back(tiny_en: WhisperModel) -> None:
    t = tiny_en.tokenizer
    first, words = t.first_timestamp, t.encode(" so it goes")
    text = torch.zeros(51864)
    text[: t.end + 1] = 20.0  # text is likelier than all times together
    filters = LogitFilters(t, timestamps=True)
    after_one = allowed(filters, [first, *words, first + 90], text.clone())
    assert after_one == {t.end, *range(first + 90, 51864)}
    after_pair = allowed(filters, [first, *words, first + 90, first + 90], text.clone())
    assert max(after_pair) <= t.end
    within = allowed(filters, [first + 7, *words], text.clone())
    assert min(token for token in within if token >= first) == first + 8


def test_a_time_is_said_when_times_together_are_likelier_than_any_word(
    tiny_en: WhisperModel,
) -> None:
    t = tiny_en.tokenizer
    scores = torch.zeros(51864)
    scores[500] = 3.0
    tokens = allowed(
        LogitFilters(t, timestamps=True), [t.first_timestamp, *t.encode(" so")], scores
    )
    assert min(tokens) >= t.first_timestamp

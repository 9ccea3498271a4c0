from models.asr.whisper.repetition import ends_in_repetition, without_repetition


def test_a_phrase_repeated_many_times_is_a_loop() -> None:
    assert not ends_in_repetition([1, 2, 3, 1, 2, 3])
    assert ends_in_repetition([9, 1, 2, 3, 1, 2, 3, 1, 2, 3])
    assert not ends_in_repetition([9, 1, 2, 3, 1, 2, 3, 1, 2, 4])
    assert not ends_in_repetition([7, 7, 7, 7, 7])  # words, words, words: people do
    assert ends_in_repetition([7, 7, 7, 7, 7, 7])
    assert not ends_in_repetition([])


def test_a_loop_at_the_end_is_said_once() -> None:
    assert without_repetition([7, 1, 2, 1, 2, 1, 2]) == [7, 1, 2]
    assert without_repetition([5, 5, 5, 5]) == [5]
    assert without_repetition([1, 2, 1, 2]) == [1, 2, 1, 2]
    assert without_repetition([]) == []

from models.asr.whisper.repetition import ends_in_loop, may_be_loop, spoken_words

STUCK = [40] * 16


def test_a_phrase_that_repeats_without_new_sound_is_a_loop() -> None:
    for tokens, loop in [
        ([1, 2, 3, 1, 2, 3], False),
        ([9, 1, 2, 3, 1, 2, 3, 1, 2, 3], True),
        ([9, 1, 2, 3, 1, 2, 3, 1, 2, 4], False),
        ([7, 7, 7, 7, 7], False),
        ([7, 7, 7, 7, 7, 7], True),
        ([], False),
    ]:
        assert ends_in_loop(tokens, STUCK[: len(tokens)]) == loop, tokens


def test_a_phrase_that_is_said_again_is_no_loop() -> None:
    assert not ends_in_loop([7] * 8, range(0, 80, 10))
    assert not ends_in_loop([1, 2] * 4, range(0, 80, 10))
    assert ends_in_loop([1, 2] * 6, [0, 10, 20, 30, 40, 50, *[60] * 6])  # said three times


def test_only_what_the_sound_holds_of_a_loop_is_kept() -> None:
    said = [0, 32, 55, 77, 101, 114, 138]  # seven times, each 0.4 s; then attention stands still
    stuck = [162, 164, 166, 167, 168, 168, 168]
    assert spoken_words(["no"] * 14, [*said, *stuck]) in (list(range(7)), list(range(8)))
    assert spoken_words(["no"] * 7, said) == list(range(7))
    assert spoken_words(["so", "no", "no", "no"], [0, 20, 20, 21]) == [0, 1]
    assert spoken_words(["of", "clubs"] * 4, [0, 10, 30, 40, 60, 60, 61, 61]) == list(range(6))
    assert spoken_words([], []) == []


def test_a_loop_may_be_anywhere() -> None:
    words = ["so", "no", "no", "no", "then", "go", "go", "go"]
    assert spoken_words(words, [0, 20, 20, 21, 40, 60, 80, 100]) == [0, 1, 4, 5, 6, 7]


def test_a_word_said_twice_needs_no_comparison() -> None:
    assert not may_be_loop(["no", "no"])
    assert may_be_loop(["oh", "no", "no", "no"])
    assert may_be_loop(["oh", "no", "no", "no", "then"])

from models.training.asr.scoring import WordErrors, score


def test_kinds_of_errors_are_counted_separately() -> None:
    assert score("red cup stands right here", "bed cup right here now") == WordErrors(5, 1, 1, 1)


def test_case_marks_and_spelling_do_not_count() -> None:
    assert score("What's the colour?", "what is the color") == WordErrors(4, 0, 0, 0)


def test_words_where_nobody_spoke_are_insertions() -> None:
    silent = score("", "thank you")
    assert silent == WordErrors(0, 0, 0, 2)
    assert str(silent) == "2 words without speech"


def test_scores_add_up_over_clips() -> None:
    total = score("red cup", "red") + score("blue hat", "blue cat sits")
    assert total == WordErrors(4, 1, 1, 1)
    assert str(total) == "WER 75.0 % (S 25.0, D 25.0, I 25.0)"

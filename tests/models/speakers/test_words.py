from models.asr.words import RATE, RecognizedWord
from models.speakers.clustering import Voice, Voices, add_voices
from models.speakers.words import word_speakers
from tests.models.speakers.made_up_voices import LENGTH, voices


def known(said: list[int]) -> Voices:
    return add_voices(Voices(), voices(said), max_speakers=8)


def words(text: str, *, start: float, each: float = 0.3) -> list[RecognizedWord]:
    return [
        RecognizedWord(f" {word}", round((start + n * each) * RATE),
                       round((start + (n + 1) * each) * RATE))
        for n, word in enumerate(text.split())
    ]  # fmt: skip


def test_words_are_of_the_voice_at_their_time() -> None:
    said = [*words("one two three", start=0.2), *words("four five six", start=3.6)]
    assert word_speakers(known([0, 0, 1, 1]), said) == [1, 1, 1, 2, 2, 2]


def test_a_change_moves_to_the_end_of_the_sentence() -> None:
    """The voice changes at 3.2 s, in the middle of `So`; the sentence ends before it."""
    said = words("I think that is all. So what now", start=1.85)
    assert word_speakers(known([0, 0, 1, 1]), said) == [1, 1, 1, 1, 1, 2, 2, 2]


def test_a_single_word_between_two_of_another_speaker_is_that_speakers() -> None:
    windows = [*voices([0, 0, 1, 1, 0, 0])]
    short = Voice(8 * LENGTH, 8 * LENGTH + RATE // 2, windows[2].embedding)
    state = add_voices(Voices(), [*windows, short], max_speakers=8)
    place = 8 * LENGTH / RATE
    said = [*words("a b", start=4.2 * 1.6), *words("yes", start=place + 0.1),
            *words("c d", start=5 * 1.6)]  # fmt: skip
    assert word_speakers(state, said) == [1, 1, 1, 1, 1]


def test_a_word_that_no_window_tells_is_its_neighbours() -> None:
    said = [*words("one two", start=2.4), *words("three", start=3.9)]
    assert word_speakers(known([0, 0]), said) == [1, 1, 1]
    alone = words("far away", start=60.0)
    assert word_speakers(known([0, 0]), [*said, *alone]) == [1, 1, 1, 0, 0]


def test_no_words_have_no_speakers() -> None:
    assert word_speakers(known([0]), []) == []

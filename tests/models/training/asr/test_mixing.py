import numpy as np
import pytest

from models.asr.whisper.alignment import FRAME
from models.asr.whisper.mel import Samples
from models.asr.words import RATE
from models.training.asr.mixing import TrainingItem, Utterance, augment, mix, without_start

LENGTH = 6 * RATE


def draw() -> Utterance:
    """Half a second of a click train: token 7 ends at frame 10, token 8 at frame 25."""
    sound = np.zeros(RATE // 2, np.float32)
    sound[::100] = 0.5
    return Utterance(sound, [7, 8], [10, 25])


def voice() -> Samples:
    return np.sin(np.arange(RATE) / 7).astype(np.float32)


def item(seed: int, length: int = LENGTH) -> TrainingItem:
    return mix(draw, voice, length, np.random.default_rng(seed))


def test_words_end_where_their_sound_does() -> None:
    made = item(1)
    assert len(made.tokens) == len(made.ends) >= 4
    assert made.ends == sorted(made.ends)
    for last in made.ends[1::2]:
        whole = made.clean[(last - 25) * FRAME : last * FRAME]
        if last * FRAME <= LENGTH:
            assert whole[0] > 0.1
            assert np.count_nonzero(whole) == 80
            assert not made.clean[last * FRAME : last * FRAME + 100].any()


def test_talk_that_began_earlier_is_the_prompt_and_its_sound_is_cut_there() -> None:
    before = without_start(Utterance(draw().samples, [5, 6, 7, 8], [4, 10, 10, 25]), 2, most=2)
    assert before.before == (6, 7)  # the tokens of a word stay together, the oldest are left out
    assert before.tokens == [8]
    assert before.ends == [15]
    made = mix(draw, voice, LENGTH, np.random.default_rng(5), before=before, margin=3)
    assert made.before == (6, 7)
    assert made.tokens[:3] == [8, 7, 8]
    last = made.ends[0] - 3
    assert np.count_nonzero(made.clean[: last * FRAME]) == 48  # 15 of 25 frames of clicks
    assert without_start(draw(), 2, most=9).tokens == []


def test_an_item_has_its_length_and_may_break_off_amid_a_word() -> None:
    made = [item(seed, RATE) for seed in range(40)]
    assert all(len(one.clean) == len(one.augmented) == RATE for one in made)
    assert any(one.ends and one.ends[-1] * FRAME > RATE for one in made)
    assert any(not one.tokens for one in made)


def test_the_seed_decides_everything() -> None:
    np.testing.assert_array_equal(item(3).augmented, item(3).augmented)
    assert not np.array_equal(item(3).augmented, item(4).augmented)


@pytest.mark.parametrize("seed", range(8))
def test_mixed_audio_differs_from_the_clean_audio(seed: int) -> None:
    made = item(seed)
    assert made.augmented.dtype == np.float32
    assert np.abs(made.augmented).max() <= 1.0
    assert np.isfinite(made.augmented).all()
    assert not np.array_equal(made.augmented, made.clean)


def test_rooms_and_noise_delay_nothing() -> None:
    """The loudest click stays where it was, so word ends stay true."""
    click = np.zeros(RATE, np.float32)
    click[5000] = 1.0
    for seed in range(30):
        heard = augment(click, voice, np.random.default_rng(seed))
        if np.abs(heard).max() > 20 * np.median(np.abs(heard)):
            assert abs(int(np.abs(heard).argmax()) - 5000) <= 3


def test_silence_stays_free_of_words() -> None:
    silent = augment(np.zeros(RATE, np.float32), voice, np.random.default_rng(2))
    assert np.isfinite(silent).all()

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.asr.streaming.causal_loading import CausalModel
from models.asr.streaming.causal_stream import CausalStream, CausalStreamConfig, CausalStreamState
from models.asr.whisper.alignment import FRAME
from models.asr.whisper.mel import Samples
from models.asr.words import RATE, RecognizedWord, TranscriptUpdate, join_words
from models.streaming import run

RNG = np.random.default_rng(11)
# Bursts and pauses of several lengths: a network without training answers them with noise.
GATES = np.repeat(RNG.random(40) < 0.7, RATE // 8)
SOUND = (RNG.standard_normal(5 * RATE) * 0.1 * GATES).astype(np.float32)
ROOMY = settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def model(random_causal: CausalModel) -> CausalStream:
    return CausalStream(random_causal, CausalStreamConfig(chunk=15))


def parts_of(model: CausalStream, sound: Samples, cuts: list[int]) -> list[TranscriptUpdate]:
    return list(run(model, np.split(sound, cuts)))


@pytest.mark.slow
@ROOMY
@given(cuts=st.lists(st.integers(0, len(SOUND)), max_size=10).map(sorted))
def test_any_chunking_gives_the_same_updates(model: CausalStream, cuts: list[int]) -> None:
    whole = parts_of(model, SOUND, [])
    parts = parts_of(model, SOUND, cuts)
    assert [(h.position, h.committed, h.tentative) for h in rounded(parts)] == [
        (h.position, h.committed, h.tentative) for h in rounded(whole)
    ]
    assert any(h.committed for h in whole[:-1])


def rounded(updates: list[TranscriptUpdate]) -> list[TranscriptUpdate]:
    """Probabilities to three places: frames of one chunk and of many differ in their last bits."""
    return [
        TranscriptUpdate(
            tuple(
                RecognizedWord(w.text, w.start, w.end, round(w.probability, 3)) for w in h.committed
            ),
            tuple(
                RecognizedWord(w.text, w.start, w.end, round(w.probability, 3)) for w in h.tentative
            ),
            h.position,
        )
        for h in updates
    ]


@pytest.mark.slow
@ROOMY
@given(changed=st.integers(RATE, len(SOUND)))
def test_later_audio_never_changes_earlier_words(model: CausalStream, changed: int) -> None:
    other = SOUND.copy()
    other[changed:] = 0.5 * np.sin(np.arange(len(SOUND) - changed) / 3)
    one, two = (model.step(model.init_state(), sound)[1] for sound in (SOUND, other))
    known = [h for h in one if h.position + 200 <= changed]
    assert rounded(known) == rounded(two[: len(known)])


def test_a_copied_state_resumes_the_same(model: CausalStream) -> None:
    state, _ = model.step(model.init_state(), SOUND[: 3 * RATE])
    first = model.step(state, SOUND[3 * RATE :])[1]
    model.step(state, -SOUND[3 * RATE :])
    model.flush(state)
    assert rounded(model.step(state, SOUND[3 * RATE :])[1]) == rounded(first)
    assert first


def test_a_block_is_decoded_as_soon_as_it_is_full(model: CausalStream) -> None:
    state, updates = model.step(model.init_state(), SOUND[: 30 * FRAME + 199])
    assert updates == []
    state, updates = model.step(state, SOUND[30 * FRAME + 199 : 30 * FRAME + 200])
    assert [h.position for h in updates] == [30 * FRAME]
    _, updates = model.step(state, SOUND[30 * FRAME + 200 : 45 * FRAME + 200])
    assert [h.position for h in updates] == [45 * FRAME]


def test_words_are_in_order_and_within_what_was_heard(model: CausalStream) -> None:
    words: list[RecognizedWord] = []
    position = 0
    for updates in parts_of(model, SOUND, []):
        assert updates.position >= position
        position = updates.position
        words += updates.committed
        line = [*words, *updates.tentative]
        assert all(a.end <= b.start for a, b in pairwise(line))
        assert all(w.start <= w.end <= position for w in line)


def test_flush_commits_everything_once(model: CausalStream) -> None:
    state, updates = model.step(model.init_state(), SOUND)
    (last,) = model.flush(state)
    assert last.tentative == ()
    assert last.position == len(SOUND)
    text = join_words([word for h in [*updates, last] for word in h.committed])
    assert len(text) > len(join_words([word for h in updates for word in h.committed]))


def test_skipping_interim_updates_decodes_all_blocks_at_once(model: CausalStream) -> None:
    _, updates = model.step(model.init_state(), SOUND, skip_interim=True)
    (update,) = updates
    assert update.position == (len(SOUND) // FRAME) // 15 * 15 * FRAME


@pytest.mark.slow
def test_a_stream_longer_than_the_window_goes_on_and_does_not_grow(model: CausalStream) -> None:
    state, last, count = model.init_state(start=1600), 0, 0
    for index in range(14):
        state, updates = model.step(state, SOUND if index % 3 else np.zeros_like(SOUND))
        for update in updates:
            assert update.position >= last
            last, count = update.position, count + len(update.committed)
        assert held(state) <= 30 * RATE
        assert state.start + len(state.samples) == 1600 + (index + 1) * len(SOUND)
    assert state.start > 30 * RATE
    assert count > 0


def test_the_next_window_gets_the_last_tokens_as_prompt(random_causal: CausalModel) -> None:
    model = CausalStream(random_causal, CausalStreamConfig(prompt=6))
    state, updates = model.init_state(), list[TranscriptUpdate]()
    while state.start == 0:
        state, new = model.step(state, SOUND)
        updates += new
    text = join_words([word for update in updates for word in update.committed])
    assert 0 < len(state.prompt) <= 6
    tokenizer = random_causal.tokenizer
    assert tokenizer.decode(state.prompt).strip() in text
    assert state.hypothesis.opening[: 1 + len(state.prompt)] == (tokenizer.previous, *state.prompt)
    forgetful = CausalStream(random_causal, CausalStreamConfig(prompt=0))
    other = forgetful.init_state()
    while other.start == 0:
        other, _ = forgetful.step(other, SOUND)
    assert other.prompt == ()


def held(state: CausalStreamState) -> int:
    return len(state.samples)


def test_an_empty_stream_says_nothing(model: CausalStream) -> None:
    state, updates = model.step(model.init_state(), np.zeros(0, np.float32))
    assert updates == []
    assert [h.committed for h in model.flush(state)] == [()]


def test_the_end_bias_writes_later_or_sooner(random_causal: CausalModel) -> None:
    def letters(end_bias: float) -> int:
        model = CausalStream(random_causal, CausalStreamConfig(end_bias=end_bias))
        return sum(len(word.text) for h in parts_of(model, SOUND, []) for word in h.committed)

    assert letters(1e4) == 0
    assert letters(-1e4) > 0

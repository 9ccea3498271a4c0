from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from media.pipeline.interfaces import SpeechRecognizer
from models.asr.ancat.encoder import encoder_in_torch
from models.asr.ancat.letters import UNITS, to_text
from models.asr.ancat.network import FRAME, Ancat
from models.asr.ancat.search import TransducerSearch
from models.asr.ancat.stream import AncatStream, AncatStreamConfig, AncatStreamState
from models.asr.ancat.transducer_networks import transducer_in_torch
from models.asr.streaming.running_mel import running_log_mel
from models.asr.whisper.mel import Samples
from models.asr.words import RATE, TranscriptUpdate, join_words
from tests.models.asr.ancat.test_network import tiny_ancat

CONFIG = AncatStreamConfig(settle=0.2, window=0.7, pause=0.12)


def babbling(seed: int = 0) -> Ancat:
    """Return float64 weights at random, of which spaces and letters come out, and pauses."""
    model = tiny_ancat("adaptive", seed)
    torch.manual_seed(seed)
    wide = type(model.transducer)(
        type(model.transducer.config)(units=len(UNITS), encoder_width=16, width=8)
    ).double()
    for weight in wide.parameters():
        torch.nn.init.normal_(weight, std=1.0)
    wide.out.bias.data[:2] += torch.tensor([3.0, 3.0])
    model.transducer = wide.requires_grad_(False)
    return model


def stream(model: Ancat, config: AncatStreamConfig) -> AncatStream:
    return AncatStream(encoder_in_torch(model), transducer_in_torch(model.transducer), config)


def sound(seconds: float, seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    loud = np.repeat(rng.uniform(0, 0.4, round(seconds * 20) + 1), RATE // 20)
    count = round(seconds * RATE)
    return (rng.standard_normal(count) * loud[:count]).astype(np.float32)


def streamed(model: SpeechRecognizer, parts: list[Samples]) -> list[TranscriptUpdate]:
    state, updates = model.init_state(), list[TranscriptUpdate]()
    for part in parts:
        state, news = model.step(state, part)
        updates += news
    return [*updates, *model.flush(state)]


def committed(updates: list[TranscriptUpdate]) -> str:
    return join_words([word for one in updates for word in one.committed])


@pytest.mark.slow
@settings(max_examples=5)
@given(
    seed=st.integers(0, 20),
    cuts=st.lists(st.integers(0, RATE), max_size=8).map(sorted),
    beam=st.sampled_from([1, 3]),
    hop=st.sampled_from([1, 2, 5]),
)
def test_any_pieces_of_sound_say_the_same_in_every_bit(
    seed: int, cuts: list[int], beam: int, hop: int
) -> None:
    config = AncatStreamConfig(settle=0.2, window=0.7, pause=0.12, beam=beam, hop=hop)
    model = stream(babbling(seed), config)
    samples = sound(1.2, seed)
    assert streamed(model, np.split(samples, cuts)) == streamed(model, [samples])


@pytest.mark.parametrize("seed", range(4))
def test_within_one_window_the_stream_says_what_the_masked_clip_says(seed: int) -> None:
    hop = seed + 1
    model = babbling(seed)
    samples = sound(0.9, seed)[:14399]  # it ends amid a frame
    whole = model.encode(running_log_mel(samples)[None].double()).hidden[0]
    search = TransducerSearch(transducer_in_torch(model.transducer))
    state = search.init_state()
    for hidden in whole:
        state = search.step(state, hidden)
    wanted = to_text(state.best.units)
    updates = streamed(stream(model, AncatStreamConfig(settle=99, window=0.95, hop=hop)), [samples])
    assert committed(updates) == " ".join(wanted.split())
    assert wanted.strip()


def test_words_are_in_order_and_committed_words_are_not_repeated() -> None:
    model = stream(babbling(), CONFIG)
    updates = streamed(model, np.split(sound(4.0), 10))
    words = [word for one in updates for word in one.committed]
    assert len(words) > 5
    assert all(word.text.startswith(" ") for word in words)
    # Two words may be written at one frame, which has no room for the second.
    assert all(word.start <= word.end for word in words)
    assert sum(word.start < word.end for word in words) > 5
    assert all(one.end <= two.start for one, two in pairwise(words))
    assert words[-1].end <= 4 * RATE + FRAME
    assert all(0 < word.probability <= 1 for word in words)
    positions = [one.position for one in updates]
    assert positions == sorted(positions)
    for one in updates:
        assert all(word.start < one.position for word in one.committed)
        if one.committed and one.tentative:
            assert one.committed[-1].end <= one.tentative[0].start


@pytest.mark.slow
def test_a_word_is_reported_when_it_is_complete() -> None:
    """What one draft says of ended words stands at once; of several, they may still choose."""
    greedy = streamed(stream(babbling(), CONFIG), [sound(4.0)])
    assert sum(len(one.committed) for one in greedy) > 5
    assert not any(one.tentative for one in greedy)
    search = replace(CONFIG, beam=3)
    several = [h for n in range(4) for h in streamed(stream(babbling(n), search), [sound(4.0)])]
    assert any(one.tentative for one in several)


def test_later_sound_changes_no_committed_word() -> None:
    model = stream(babbling(1), CONFIG)
    one, two = sound(3.0, 1), sound(3.0, 1)
    two[2 * RATE :] = sound(1.0, 9)
    first = [w for h in streamed(model, [one]) if h.position <= 2 * RATE for w in h.committed]
    other = [w for h in streamed(model, [two]) if h.position <= 2 * RATE for w in h.committed]
    assert first == other
    assert first


def test_a_copied_state_goes_on_the_same() -> None:
    model = stream(babbling(), CONFIG)
    state, _ = model.step(model.init_state(), sound(1.1))
    committed_end = [model.flush(state.copy(), sound(0.5, 3)) for _ in range(2)]
    assert committed_end[0] == committed_end[1]


def test_a_long_stream_keeps_no_more_than_a_window_and_the_words_under_way() -> None:
    model = stream(babbling(), CONFIG)
    state: AncatStreamState = model.init_state()
    starts = set()
    for second in range(6):
        state, _ = model.step(state, sound(1.0, second))
        starts.add(state.start)
        assert len(state.search.best.units) < 60
        assert state.encoder.blocks <= 25
    assert len(starts) > 4
    assert state.search.frames * FRAME > 5 * RATE


def test_skipping_interim_updates_commits_the_same_words_at_once() -> None:
    model = stream(babbling(), CONFIG)
    samples = sound(2.0)
    state, quick = model.step(model.init_state(), samples, skip_interim=True)
    _, slow = model.step(model.init_state(), samples)
    assert len(quick) == 1 < len(slow)
    assert quick[0].committed == tuple(word for one in slow for word in one.committed)
    assert quick[0].tentative == slow[-1].tentative
    assert model.flush(state)[-1].tentative == ()


def test_places_count_from_where_the_stream_begins() -> None:
    model = stream(babbling(), CONFIG)
    state, updates = model.step(model.init_state(), sound(1.5))
    later, moved = model.step(model.init_state(8000), sound(1.5))
    assert [one.position + 8000 for one in updates] == [one.position for one in moved]
    committed_end = model.flush(state)[-1], model.flush(later)[-1]
    assert [w.start + 8000 for w in committed_end[0].committed] == [
        w.start for w in committed_end[1].committed
    ]


def test_a_stream_without_sound_says_nothing() -> None:
    model = stream(babbling(), CONFIG)
    assert model.flush(model.init_state()) == [TranscriptUpdate((), (), 0)]


def test_a_window_longer_than_the_models_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at most 1\.0 s"):
        stream(babbling(), AncatStreamConfig(window=15.0))
    with pytest.raises(ValueError, match="at least 1 frame"):
        stream(babbling(), AncatStreamConfig(window=0.9, hop=0))

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from media.events.hearing import TurnDetection
from media.pipeline.hearing.turn_rules import (
    PEEK,
    SpeechEnd,
    SpeechPause,
    SpeechStart,
    TurnDetectionState,
    TurnEvent,
    next_turn,
)

FRAME, RATE = 512, 16_000
DETECTION = TurnDetection()


def events(
    probabilities: list[float], *, detection: TurnDetection = DETECTION, max_turn: float = 30.0
) -> list[SpeechStart | SpeechEnd]:
    state, out = TurnDetectionState(), []
    for probability in probabilities:
        state, event = next_turn(
            state, probability, frame=FRAME, rate=RATE, detection=detection, max_turn=max_turn
        )
        if event is not None:
            assert not isinstance(event, SpeechPause)  # silence alone asks for no words
            out.append(event)
    return out


def frames(seconds: float) -> int:
    return round(seconds * RATE / FRAME)


def test_a_click_of_one_frame_is_not_a_turn() -> None:
    assert events([0.0] * 20 + [0.9] + [0.0] * 40) == []


def test_a_turn_is_padded_on_both_sides() -> None:
    started, ended = events([0.0] * 50 + [0.9] * 50 + [0.0] * 50)
    assert started == SpeechStart(50 * FRAME - round(0.3 * RATE))
    assert ended == SpeechEnd(100 * FRAME + round(0.3 * RATE))


def test_a_dip_that_stays_above_the_hysteresis_does_not_end_a_turn() -> None:
    assert len(events([0.9] * 10 + [0.4] * 100 + [0.9] * 10)) == 1


def test_a_pause_shorter_than_the_silence_does_not_end_a_turn() -> None:
    pause = [0.0] * (frames(0.5) - 1)
    assert len(events([0.9] * 10 + pause + [0.9] * 10)) == 1
    longer = TurnDetection(silence=0.2)
    assert len(events([0.9] * 10 + pause + [0.9] * 10, detection=longer)) == 3


def test_a_long_turn_ends_at_a_brief_silence() -> None:
    brief = [0.0] * frames(0.2)
    speech = [0.9] * frames(3) + brief + [0.9] * frames(1)
    assert len(events(speech, max_turn=30.0)) == 1
    assert len(events(speech, max_turn=2.0)) == 3


def test_speech_without_any_silence_is_cut_at_twice_the_length() -> None:
    out = events([0.9] * frames(10), max_turn=2.0)
    assert [type(event) for event in out] == [
        SpeechStart,
        SpeechEnd,
        SpeechStart,
        SpeechEnd,
        SpeechStart,
    ]
    for ended, started in zip(out[1::2], out[2::2], strict=False):
        assert isinstance(ended, SpeechEnd)
        assert isinstance(started, SpeechStart)
        assert started.start == ended.end  # no sound is lost between the two


@given(st.lists(st.floats(0, 1), max_size=300), st.floats(0.1, 3.0))
def test_turns_alternate_and_never_overlap(probabilities: list[float], max_turn: float) -> None:
    out = events(probabilities, max_turn=max_turn)
    assert all(
        isinstance(event, SpeechStart if n % 2 == 0 else SpeechEnd) for n, event in enumerate(out)
    )
    places = [event.start if isinstance(event, SpeechStart) else event.end for event in out]
    assert places == sorted(places)
    assert all(0 <= place <= len(probabilities) * FRAME for place in places)


@given(st.lists(st.floats(0, 1), max_size=300), st.floats(PEEK, 1.5))
def test_each_pause_asks_for_the_words_once_and_ends_after_their_patience(
    probabilities: list[float], patience: float
) -> None:
    state, out = TurnDetectionState(), list[tuple[float, TurnEvent]]()
    for probability in probabilities:
        state, event = next_turn(
            state,
            probability,
            frame=FRAME,
            rate=RATE,
            detection=TurnDetection(eagerness="auto"),
            max_turn=1e9,
        )
        silence = (state.position - state.speech_end) / RATE
        if isinstance(event, SpeechPause):
            assert state.patience is None
            assert PEEK <= silence < PEEK + FRAME / RATE
            state = replace(state, patience=patience)
        if event is not None:
            out.append((silence, event))
    for (_, before), (_, event) in pairwise(out):
        if isinstance(event, SpeechEnd):
            assert isinstance(before, SpeechPause)
        if isinstance(event, SpeechStart):
            assert isinstance(before, SpeechEnd)

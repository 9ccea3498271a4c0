"""Turns end by silence, by missing sound, or by a client; each commit and clear gets a result."""

from collections.abc import Sequence

import pytest

from media.clock import ReplayClock
from media.counters import Counters
from media.events.hearing import (
    AudioPaused,
    Caption,
    Clear,
    Cleared,
    Commit,
    CommitResult,
    ListeningConfig,
    TurnEnded,
    TurnStarted,
)
from media.events.session import Input, Output
from media.frames import AudioChunk, Gap
from media.pipeline.limits import Limits
from media.pipeline.session import run_session
from tests.media.pipeline.scripted import RATE, chunks, replayed, scripted_services, silence, tone

MANUAL = ListeningConfig(detection=None)


async def hear(*items: Input | Sequence[AudioChunk]) -> list[Output]:
    """Return the outputs about turns."""
    out: list[Output] = []

    async def keep(output: Output) -> None:
        interim = isinstance(output, Caption) and not output.final
        if isinstance(output, TurnStarted | TurnEnded | CommitResult | Cleared | Caption):
            out.extend([] if interim else [output])

    flat: list[Input] = [
        each for item in items for each in ([*item] if isinstance(item, Sequence) else [item])
    ]
    with scripted_services() as services:
        await run_session(
            replayed(flat), keep, services=services, clock=ReplayClock(), limits=Limits.replay()
        )
    return out


def of_turns(out: list[Output]) -> list[Output]:
    return [output for output in out if not isinstance(output, Caption)]


@pytest.mark.parametrize("quiet", [0.0, 0.1, 0.4])
async def test_a_detected_turn_ends_where_its_audio_stops(quiet: float) -> None:
    out = await hear(chunks(tone(1)), chunks(silence(quiet), start=RATE), AudioPaused())
    started, ended = of_turns(out)
    assert started == TurnStarted(1, 0.0, True)
    assert ended == TurnEnded(1, 0.0, 1.0 + quiet, True)
    assert [caption.text for caption in out if isinstance(caption, Caption)] == ["w0 w1 w2 w3 w4"]


async def test_audio_that_goes_on_after_a_pause_is_a_new_turn() -> None:
    out = await hear(chunks(tone(1)), AudioPaused(), AudioPaused(), chunks(tone(1), start=RATE))
    first, _, second, _ = of_turns(out)
    assert first == TurnStarted(1, 0.0, True)
    assert second == TurnStarted(2, 1.0, True)


@pytest.mark.parametrize("hole", [2.0, 20.0])
async def test_only_a_commit_ends_a_turn_without_detection(hole: float) -> None:
    start = round((1 + hole) * RATE)
    after = chunks(tone(1), start=start)
    out = await hear(MANUAL, chunks(tone(1)), AudioPaused(), after, Commit())
    assert of_turns(out) == [
        TurnStarted(1, 0.0, False),
        TurnEnded(1, 0.0, 2 + hole, False),
        CommitResult(1, start + RATE),
    ]
    (caption,) = [output for output in out if isinstance(output, Caption)]
    assert [word.start for word in caption.words] == pytest.approx(
        [*(0.2 * n for n in range(5)), *(1 + hole + 0.2 * n for n in range(5))]
    )


async def test_a_hole_of_an_hour_before_speech_without_detection_costs_nothing() -> None:
    late = 3600 * RATE
    out = await hear(MANUAL, chunks(silence(1)), chunks(tone(1), start=late), Commit())
    (caption,) = [output for output in out if isinstance(output, Caption)]
    assert caption.words[0].start == pytest.approx(3600.0, abs=0.21)


@pytest.mark.parametrize("listening", [MANUAL, ListeningConfig()])
async def test_less_than_100_ms_cannot_be_committed(listening: ListeningConfig) -> None:
    out = await hear(listening, Commit(), chunks(silence(0.09)), Commit())
    results = [output for output in out if isinstance(output, CommitResult)]
    assert results == [CommitResult(None, 0), CommitResult(None, 1440)]


async def test_the_audio_of_a_detected_turn_is_not_committed_again() -> None:
    turn = [*chunks(tone(1)), *chunks(silence(0.55), start=RATE)]
    out = await hear(turn, Commit(), chunks(silence(0.5), start=round(1.55 * RATE)), Commit())
    empty, silent = (output for output in out if isinstance(output, CommitResult))
    assert empty.turn is None
    assert silent.turn == 2
    assert [output.detected for output in out if isinstance(output, TurnStarted)] == [True, False]
    assert [output.text for output in out if isinstance(output, Caption)] == ["w0 w1 w2 w3 w4", ""]


async def test_a_clear_discards_what_was_not_committed() -> None:
    out = await hear(chunks(tone(1)), Clear(), Commit())
    assert of_turns(out) == [TurnStarted(1, 0.0, True), Cleared(), CommitResult(None, 0)]


def with_made_up(*regions: tuple[float, float], until: float = 2.0) -> list[Input]:
    """Return a tone in `regions`, in seconds, each of which is reported as made up, in silence."""
    items: list[Input] = []
    position = 0.0
    for start, end in regions:
        items += chunks(silence(start - position), start=round(position * RATE))
        items.append(Gap("audio", start, end, concealed=True))
        items += chunks(tone(end - start), start=round(start * RATE))
        position = end
    return [*items, *chunks(silence(until - position), start=round(position * RATE))]


async def test_sound_that_was_made_up_starts_no_turn_and_is_no_speech() -> None:
    regions = ((0.5, 0.6), (0.8, 0.9), (1.2, 1.3))
    assert await hear(*with_made_up(*regions)) == []
    heard = [item for item in with_made_up(*regions) if not isinstance(item, Gap)]
    assert any(isinstance(output, TurnStarted) for output in await hear(*heard)), "as speech would"
    (caption,) = [o for o in await hear(MANUAL, *with_made_up(*regions)) if isinstance(o, Caption)]
    assert caption.words == ()


async def test_made_up_sound_within_speech_changes_nothing() -> None:
    spoken = [*chunks(tone(1)), *chunks(silence(1), start=RATE)]
    gap = Gap("audio", 0.4, 0.5, concealed=True)
    assert await hear(*spoken[:2], gap, *spoken[2:]) == await hear(*spoken)


async def test_gaps_are_counted_and_longer_ones_reported() -> None:
    gaps = [
        Gap("audio", 0.2, 0.22, concealed=True),
        Gap("audio", 0.5, 0.6, concealed=True),
        Gap("audio", 0.6, 1.0),
        Gap("video", 1.0, 2.0),
    ]
    counters, out = Counters(), list[Output]()

    async def keep(output: Output) -> None:
        out.append(output)

    with scripted_services() as services:
        await run_session(
            replayed([*gaps, *chunks(silence(1), start=RATE)]),
            keep,
            services=services,
            clock=ReplayClock(),
            counters=counters,
        )
    assert [output for output in out if isinstance(output, Gap)] == gaps[1:]
    assert (counters.concealed, counters.missing) == pytest.approx((0.12, 0.4))

"""The controller of what we send, over modelled paths; figures are bit/s and seconds."""

import pytest

from rtc.congestion.feedback import Feedback
from rtc.congestion.outgoing import NO_NEWS, OutgoingRate
from rtc.congestion.rate_control import RateLimits
from tests.rtc.congestion.simulation import simulate
from tests.rtc.link import Burst, Conditions

HIGHEST = 1e6
LIMITS = RateLimits(highest=HIGHEST)


@pytest.mark.parametrize("capacity", [150e3, 400e3, 900e3])
@pytest.mark.parametrize("queue", [0.1, 0.3])
def test_it_settles_at_what_the_path_carries(capacity: float, queue: float) -> None:
    limits = RateLimits(lowest=50e3, highest=2e6, start=min(400e3, 2 * capacity))
    path = Conditions(rate=capacity, queue=queue, delay=0.02)
    run = simulate([(0, path)], 30, limits=limits)
    assert 0.8 * capacity <= run.rate(10, 30) <= capacity
    assert run.delay(0.95, 10, 30) <= 0.2
    assert run.rate(2, 30) <= 1.05 * capacity


def test_a_path_of_400_kbit_is_never_flooded() -> None:
    run = simulate([(0, Conditions(rate=400e3, delay=0.05))], 30, limits=RateLimits(highest=3e6))
    assert run.rate(0, 30) <= 1.1 * 400e3
    assert max(run.rate(second, second + 1) for second in range(30)) <= 1.25 * 400e3
    assert run.delay(0.95, 0, 30) <= 0.3


def test_it_backs_off_within_a_second_and_comes_back() -> None:
    wide, narrow = Conditions(rate=900e3, delay=0.02), Conditions(rate=300e3, delay=0.02)
    run = simulate([(0, wide), (10, narrow), (20, wide)], 45, limits=LIMITS)
    assert run.rate(8, 10) > 600e3
    assert run.target(11, 11.2) < 1.2 * 300e3
    assert 0.8 * 300e3 <= run.rate(14, 20) <= 300e3
    assert run.rate(35, 45) >= 0.8 * 900e3


@pytest.mark.parametrize("loss", [0.05, 0.1])
def test_random_loss_without_delay_starves_nothing(loss: float) -> None:
    run = simulate([(0, Conditions(loss=loss, delay=0.05))], 20, limits=LIMITS)
    assert run.target(8, 20) >= 0.95 * HIGHEST
    burst = Conditions(burst=Burst.of(loss / 2, 6), delay=0.05)
    assert simulate([(0, burst)], 20, limits=LIMITS).target(8, 20) >= 0.75 * HIGHEST


def test_heavy_random_loss_is_told_from_a_narrow_path_in_the_end() -> None:
    run = simulate([(0, Conditions(loss=0.3, delay=0.05))], 40, limits=LIMITS)
    assert run.target(30, 40) >= 0.7 * HIGHEST


def test_loss_and_a_narrow_path_together() -> None:
    path = Conditions(rate=500e3, loss=0.1, delay=0.05)
    run = simulate([(0, path)], 30, limits=LIMITS)
    assert 0.75 * 500e3 <= run.rate(10, 30) <= 1.05 * 500e3
    assert run.delay(0.95, 10, 30) <= 0.2


def test_a_path_that_drops_instead_of_queueing_is_not_flooded() -> None:
    path = Conditions(rate=500e3, queue=0.03, delay=0.05)
    run = simulate([(0, path)], 40, limits=LIMITS)
    assert run.goodput(10, 40) >= 0.8 * 500e3
    assert run.rate(10, 40) <= 1.1 * 500e3


def test_jitter_is_no_congestion() -> None:
    path = Conditions(rate=900e3, jitter=0.04, delay=0.02)
    run = simulate([(0, path)], 30, limits=RateLimits(highest=2e6))
    assert run.rate(10, 30) >= 0.8 * 900e3
    wide = simulate([(0, Conditions(jitter=0.04, delay=0.02))], 20, limits=LIMITS)
    assert wide.target(8, 20) >= 0.9 * HIGHEST


def test_without_news_it_sends_less_and_after_an_outage_it_comes_back() -> None:
    path = Conditions(rate=900e3, delay=0.05)
    gone = Conditions(rate=900e3, delay=0.05, up=False)
    run = simulate([(0, path), (10, gone), (13, path)], 30, limits=LIMITS)
    assert run.target(12.5, 13) <= 0.6 * run.target(9, 10)
    assert run.rate(20, 30) >= 0.75 * 900e3


def test_reports_about_other_packets_and_of_a_liar_do_no_harm() -> None:
    rate = OutgoingRate(LIMITS)
    report = Feedback(sender_ssrc=1, media_ssrc=2, number=0, base=60_000, arrivals=(1, None) * 900)
    rate.feedback(report, 0.1)
    for number in range(50):
        rate.sent(1000, 0.2 + number / 100, number)
    rate.feedback(report, 0.8)
    assert 0.5 * LIMITS.start <= rate.target <= LIMITS.highest


def test_a_peer_that_only_reports_losses_is_believed() -> None:
    """Receiver reports each second: random loss is borne, a narrow path is found."""
    for capacity, share in ((400e3, 0.0), (1e9, 0.1)):
        rate, time, sent = OutgoingRate(LIMITS), 0.0, list[float]()
        for second in range(60):
            for _ in range(50):
                time += 0.02
                rate.sent(int(rate.target / 8 * 0.02), time)
            lost = share + (1 - share) * max(0.0, 1 - capacity / rate.target)
            sent.append(rate.target)
            rate.receiver_report(int(256 * lost), 50, float(second + 1), 0.05)
        expected = min(capacity, HIGHEST)
        assert 0.7 * expected <= sum(sent[20:]) / 40 <= 1.15 * expected


def test_the_estimate_of_the_peer_is_a_bound() -> None:
    rate = OutgoingRate(LIMITS)
    rate.estimate(220e3)
    assert rate.target == 220e3
    rate.estimate(20e3)
    assert rate.target == LIMITS.lowest
    rate.estimate(5e6)
    assert rate.target == LIMITS.start


def test_time_alone_changes_nothing_unless_a_peer_that_reports_falls_silent() -> None:
    rate = OutgoingRate(LIMITS)
    rate.sent(1000, 0.0)
    rate.sent(1000, 0.0, 0)
    rate.tick(100.0)  # it agreed on reports, and has never sent one
    assert rate.target == LIMITS.start
    first = Feedback(sender_ssrc=1, media_ssrc=2, number=0, base=0, arrivals=(1,))
    rate.feedback(first, 100.0)
    before = rate.target
    rate.tick(200.0)  # nothing was sent since
    assert rate.target == before
    rate.sent(1000, 200.0, 1)
    rate.tick(200.1)
    assert rate.target == before
    rate.tick(200.0 + NO_NEWS + rate.round_trip + 0.1)
    assert rate.target == max(LIMITS.lowest, before / 2)

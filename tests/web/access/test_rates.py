from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.access.windows_clock import WindowsClock
from web.access.auth import Caller, ClientSecret
from web.access.keys.scopes import ALL_SCOPES, ApiKey, KeyLimits
from web.access.rates import ClientRates, RateLimitedError
from web.access.sliding_windows import SlidingWindows

DAY = 86_400


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> WindowsClock:
    return WindowsClock(monkeypatch)


def holder(**limits: float) -> Caller:
    allowed = KeyLimits(**limits)  # type: ignore[arg-type]  # numbers of both kinds
    return Caller(ApiKey("anna", b"", ALL_SCOPES, allowed), address="6.6.6.6")


def passed(rates: ClientRates, caller: Caller, count: int) -> int:
    """Return how many of `count` requests are let through."""
    passed = 0
    for _ in range(count):
        try:
            rates.count_request(caller)
            passed += 1
        except RateLimitedError:
            continue
    return passed


def wait(rates: ClientRates, caller: Caller) -> int:
    with pytest.raises(RateLimitedError) as refused:
        rates.count_request(caller)
    assert refused.value.status == 429
    assert refused.value.headers["Retry-After"] == str(refused.value.retry_after)
    return refused.value.retry_after


def test_an_address_without_a_key_has_so_many_requests_and_others_have_theirs(
    clock: WindowsClock,
) -> None:
    rates = ClientRates(requests=3)
    assert passed(rates, Caller(address="6.6.6.6"), 5) == 3
    assert passed(rates, Caller(address="7.7.7.7"), 5) == 3
    assert passed(rates, Caller(address="2001:db8::1"), 2) == 2
    assert passed(rates, Caller(address="2001:db8::2"), 2) == 1, "the network of one customer"
    clock.now += 120
    assert passed(rates, Caller(address="6.6.6.6"), 5) == 3


def test_a_client_secret_of_a_key_without_a_limit_has_that_of_an_address(
    clock: WindowsClock,
) -> None:
    rates = ClientRates(requests=3)
    key = ApiKey("page", b"")
    secrets = [ClientSecret("", name, 0.0, "{}", key) for name in ("secret_1", "secret_2")]
    for secret in secrets:
        assert passed(rates, Caller(key, secret, "6.6.6.6"), 5) == 3
    assert passed(rates, Caller(key, address="6.6.6.6"), 50) == 50, "what is not set has no limit"
    nobodys = ClientSecret("", "secret_3", 0.0, "{}")
    assert passed(rates, Caller(None, nobodys, "7.7.7.7"), 5) == 3
    assert passed(rates, Caller(address="7.7.7.7"), 5) == 0, "no more than without a secret"


def test_what_must_not_be_counted_is_not(clock: WindowsClock) -> None:
    assert passed(ClientRates(requests=1), Caller(address="127.0.0.1"), 50) == 50
    assert passed(ClientRates(requests=0), Caller(address="6.6.6.6"), 50) == 50
    assert passed(ClientRates(requests=1), holder(), 50) == 50, "a key without that limit"


def test_a_key_has_its_own_limit_wherever_it_is_used(clock: WindowsClock) -> None:
    rates = ClientRates(requests=1)
    local = Caller(holder(requests=4).key, address="127.0.0.1")
    assert passed(rates, holder(requests=4), 3) + passed(rates, local, 3) == 4


def test_after_the_time_that_a_refusal_names_there_is_room(clock: WindowsClock) -> None:
    rates = ClientRates()
    for elapsed in (0, 31, 59, 7):
        clock.now += elapsed
        passed(rates, holder(requests=5), 9)
        seconds = wait(rates, holder(requests=5))
        assert 0 < seconds <= 61
        clock.now += seconds
        assert passed(rates, holder(requests=5), 1) == 1


def test_a_changed_limit_keeps_what_was_used(clock: WindowsClock) -> None:
    rates = ClientRates()
    assert passed(rates, holder(requests=4), 4) == 4
    assert passed(rates, holder(requests=6), 4) == 2


@given(gaps=st.lists(st.floats(0, 40), min_size=1, max_size=60), limit=st.integers(1, 8))
def test_no_window_has_more_than_the_limit_by_much_and_none_is_refused_below_half(
    gaps: list[float], limit: int
) -> None:
    """Against the plain log of all requests: the approximation is between it and half of it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock = WindowsClock(monkeypatch)
        windows = SlidingWindows()
        log: deque[float] = deque()
        for gap in gaps:
            clock.now += gap
            while log and log[0] <= clock.now - 60:
                log.popleft()
            seconds = windows.wait("x", 60, limit)
            taken = windows.take("x", 60, limit)
            assert taken == (seconds == 0)
            if taken:
                log.append(clock.now)
            assert len(log) <= 2 * limit
            if not taken:
                clock.now += seconds + 0.001
                assert windows.wait("x", 60, limit) == 0


def test_wrong_keys_are_counted_for_an_address_and_then_none_is_tried(
    clock: WindowsClock,
) -> None:
    rates = ClientRates(guesses=2)
    for _ in range(2):
        rates.check_guesses("6.6.6.6")
        rates.count_guess("6.6.6.6")
    with pytest.raises(RateLimitedError, match="2 wrong keys"):
        rates.check_guesses("6.6.6.6")
    rates.check_guesses("7.7.7.7")
    for _ in range(9):
        rates.count_guess("127.0.0.1")
    rates.check_guesses("127.0.0.1")
    clock.now += 120
    rates.check_guesses("6.6.6.6")


def test_minutes_are_spent_until_none_is_left(clock: WindowsClock) -> None:
    rates, caller = ClientRates(), holder(minutes=2)
    rates.check_minutes(caller, "minutes")
    assert rates.spend(caller, "minutes", 100)
    rates.check_minutes(caller, "minutes")
    assert not rates.spend(caller, "minutes", 90), "20 were left, and are taken"
    with pytest.raises(RateLimitedError, match="2 minutes of sessions in 24 hours"):
        rates.check_minutes(caller, "minutes")
    rates.check_minutes(caller, "file_minutes")
    clock.now += 2 * DAY
    rates.check_minutes(caller, "minutes")


def test_a_key_with_no_minutes_has_none_and_one_without_the_limit_has_all(
    clock: WindowsClock,
) -> None:
    rates = ClientRates()
    with pytest.raises(RateLimitedError):
        rates.check_minutes(holder(minutes=0), "minutes")
    assert not rates.spend(holder(minutes=0), "minutes", 1)
    for caller in (holder(), Caller()):
        rates.check_minutes(caller, "minutes")
        assert rates.spend(caller, "minutes", 10 * DAY)

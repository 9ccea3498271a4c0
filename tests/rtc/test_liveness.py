from rtc.liveness import Liveness, check_due, silence, update


def test_silence_grows_until_a_datagram_arrives() -> None:
    state = Liveness(last_arrival=0.0, checked=0.0)
    state = update(state, 1.0, 5, late=False)
    assert silence(state) == 0
    state = update(state, 2.0, 5, late=False)
    state = update(state, 3.5, 5, late=False)
    assert silence(state) == 2.5
    state = update(state, 4.0, 6, late=False)
    assert silence(state) == 0


def test_a_late_check_does_not_count_as_silence() -> None:
    state = update(Liveness(last_arrival=0.0, checked=0.0), 1.0, 5, late=False)
    assert silence(update(state, 30.0, 5, late=True)) == 0
    assert silence(update(state, 30.0, 5, late=False)) == 29


def test_a_peer_is_asked_at_intervals_and_at_each_look_while_it_is_silent() -> None:
    state = update(Liveness(last_arrival=0.0, checked=0.0), 0.5, 5, late=False)
    assert not check_due(state, 0.0, 1.0)
    state = update(state, 1.0, 6, late=False)
    assert check_due(state, 0.0, 1.0)
    assert not check_due(state, 1.0, 1.0)
    state = update(update(state, 1.5, 6, late=False), 2.0, 6, late=False)
    assert check_due(state, 1.75, 1.0)

from rtc.liveness import Liveness, look, silence


def test_silence_grows_until_something_comes() -> None:
    state = Liveness(heard=0.0, seen=0.0)
    state = look(state, 1.0, 5, late=False)
    assert silence(state) == 0
    state = look(state, 2.0, 5, late=False)
    state = look(state, 3.5, 5, late=False)
    assert silence(state) == 2.5
    state = look(state, 4.0, 6, late=False)
    assert silence(state) == 0


def test_a_machine_that_was_busy_itself_does_not_call_it_silence() -> None:
    state = look(Liveness(heard=0.0, seen=0.0), 1.0, 5, late=False)
    assert silence(look(state, 30.0, 5, late=True)) == 0
    assert silence(look(state, 30.0, 5, late=False)) == 29

from hypothesis import given
from hypothesis import strategies as st

from web.sessions.attendance import (
    Attendance,
    arrived,
    attendance_fields,
    deadline,
    disconnected,
    fell_silent,
)


def test_a_client_is_away_from_its_silence_on_and_has_the_rest_of_its_time_after_the_break() -> (
    None
):
    state = fell_silent(Attendance(), 10.0)
    assert deadline(state, 60) is None, "its connection is still there"
    state = disconnected(state, 37.5)
    assert deadline(state, 60) == 70
    assert attendance_fields(state, 60, 40.0) == {
        "client": "away",
        "ends_in": 30.0,
        "losses": 1,
        "returns": 0,
    }
    assert arrived(state) == Attendance(losses=1, returns=1)


def test_a_client_that_is_heard_again_was_not_disconnected() -> None:
    assert arrived(fell_silent(Attendance(), 1.0)) == Attendance(losses=1, returns=1)


@given(st.lists(st.sampled_from(["arrive", "fall silent", "break"])), st.floats(0, 100))
def test_whatever_happens_a_client_without_a_connection_has_a_deadline(
    steps: list[str], patience: float
) -> None:
    state, since = Attendance(), None
    for now, step in enumerate(steps):
        if step == "arrive":
            state, since = arrived(state), None
        else:
            state = (fell_silent if step == "fall silent" else disconnected)(state, now)
            since = now if since is None else since
        assert state.away_since == since
        assert (deadline(state, patience) is not None) == (not state.connected)
        assert 0 <= state.losses - state.returns <= 1

import contextlib
from itertools import pairwise

import pytest
from aiortc.rtp import RtcpPacket, RtcpRrPacket
from hypothesis import given
from hypothesis import strategies as st

from rtc.congestion.feedback import (
    MAX_LARGE,
    MAX_STATUSES,
    REFERENCE_WRAP,
    Feedback,
    fits,
    split_reports,
)

# A report as section 3.1 of the draft draws it: base 1, seven packets, reference time 2 (128 ms).
# A vector of two-bit symbols says small, large, lost, small, lost, lost, small; deltas in 250 us.
DRAWN = bytes.fromhex(
    "afcd0006"
    + "00000001"
    + "00000002"
    + "00010007"
    + "00000203"
    + f"{0b11_01_10_00_01_00_00_01:04x}"
    + "04"
    + "fffc"
    + "08"
    + "0a"
    + "01"
)
TIMES = st.one_of(st.integers(0, 255), st.integers(-MAX_LARGE, MAX_LARGE))


@st.composite
def reports(draw: st.DrawFn) -> Feedback:
    """Return a report with gaps, reordering and long runs."""
    time = draw(st.integers(0, REFERENCE_WRAP * 256 - 1)) + MAX_LARGE * 300
    arrivals: list[int | None] = []
    for lost, run, steps in draw(
        st.lists(
            st.tuples(st.booleans(), st.integers(1, 40), st.lists(TIMES, max_size=12)),
            min_size=1,
            max_size=12,
        )
    ):
        for step in steps:
            time += step
            arrivals.append(time)
        arrivals += [None if lost else time] * run
    return Feedback(
        sender_ssrc=draw(st.integers(0, 2**32 - 1)),
        media_ssrc=draw(st.integers(0, 2**32 - 1)),
        number=draw(st.integers(0, 255)),
        base=draw(st.integers(0, 2**16 - 1)),
        arrivals=tuple(arrivals),
    )


def wrapped(arrivals: tuple[int | None, ...]) -> list[int | None]:
    """Return arrivals from the first one on, which is all that a wrapped reference keeps."""
    first = next((each for each in arrivals if each is not None), 0)
    return [None if each is None else each - first for each in arrivals]


@given(report=reports())
def test_what_is_written_is_read_again(report: Feedback) -> None:
    packet = bytes(report)
    again = Feedback.parse(packet)
    assert len(packet) % 4 == 0
    assert wrapped(again.arrivals) == wrapped(report.arrivals)
    assert (again.base, again.number) == (report.base, report.number)
    assert (again.sender_ssrc, again.media_ssrc) == (report.sender_ssrc, report.media_ssrc)


@given(before=st.booleans(), report=reports(), after=st.booleans())
def test_reports_are_taken_out_of_what_aiortc_reads(
    before: bool, report: Feedback, after: bool
) -> None:
    other = bytes(RtcpRrPacket(ssrc=1))
    found, rest = split_reports(other * before + bytes(report) + other * after)
    assert (found, rest) == ([bytes(report)], other * (before + after))
    assert len(RtcpPacket.parse(rest)) == before + after


def test_the_report_of_the_draft_is_read_as_it_says() -> None:
    found = Feedback.parse(DRAWN)
    assert found.arrivals == (516, 512, None, 520, None, None, 530)
    assert (found.base, found.number) == (1, 3)
    assert bytes(found) == DRAWN


def test_a_run_is_one_chunk() -> None:
    whole = Feedback(sender_ssrc=1, media_ssrc=2, number=0, base=65_000, arrivals=(8,) * 2000)
    assert len(bytes(whole)) == 20 + 2 + 2000 + 2
    lost = Feedback(sender_ssrc=1, media_ssrc=2, number=0, base=0, arrivals=(None,) * 8000)
    assert len(bytes(lost)) == 24
    assert Feedback.parse(bytes(lost)).arrivals == lost.arrivals


@given(packet=st.binary(max_size=80), head=st.booleans())
def test_bytes_are_a_report_or_a_value_error(packet: bytes, head: bool) -> None:
    data = DRAWN[:4] + packet if head else packet
    split_reports(data)
    with contextlib.suppress(ValueError):
        assert len(Feedback.parse(data).arrivals) <= MAX_STATUSES


@given(report=reports(), place=st.integers(0, 2000), bit=st.integers(0, 7))
def test_a_flipped_bit_is_a_report_or_a_value_error(report: Feedback, place: int, bit: int) -> None:
    data = bytearray(bytes(report))
    data[place % len(data)] ^= 1 << bit
    with contextlib.suppress(ValueError):
        Feedback.parse(bytes(data))
    with contextlib.suppress(ValueError):
        Feedback.parse(bytes(data[: place % len(data)]))


def test_arrivals_that_lie_too_far_apart_are_refused() -> None:
    late = (0, MAX_LARGE + 1)
    assert not fits(*late)
    assert all(fits(*pair) for pair in pairwise((0, MAX_LARGE, 0)))
    with pytest.raises(ValueError, match="apart"):
        bytes(Feedback(sender_ssrc=1, media_ssrc=2, number=0, base=0, arrivals=late))
    with pytest.raises(ValueError, match="expected 1 to"):
        bytes(Feedback(sender_ssrc=1, media_ssrc=2, number=0, base=0, arrivals=()))

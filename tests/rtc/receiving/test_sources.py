"""Statistics of sources beside the definitions of RFC 3550."""

from aiortc.rtp import RtcpSenderInfo, RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from rtc.receiving.sources import Sources

RATE = 90_000


def packet(sequence: int, timestamp: int = 0) -> RtpPacket:
    return RtpPacket(sequence_number=sequence % 2**16, timestamp=timestamp % 2**32, ssrc=7)


@given(first=st.integers(0, 2**16 - 1), lost=st.sets(st.integers(1, 298)))
def test_losses_are_counted_across_the_wrap_of_sequence_numbers(first: int, lost: set[int]) -> None:
    sources = Sources()
    for index in (index for index in range(300) if index not in lost):
        sources.add(packet(first + index), RATE, now=index / 100)
    ((_, source),) = sources
    assert (source.expected, source.received) == (300, 300 - len(lost))
    assert source.skipped == len(lost)
    assert source.gaps == sum(index - 1 not in lost for index in lost)
    (report,) = sources.reception_reports(now=3.0)
    assert report.packets_lost == len(lost)
    assert report.fraction_lost == 256 * len(lost) // 300
    assert report.highest_sequence % 2**16 == (first + 299) % 2**16
    (again,) = sources.reception_reports(now=4.0)
    assert (again.packets_lost, again.fraction_lost) == (len(lost), 0)  # none since the last one


def test_a_constant_delay_is_no_jitter_and_a_varying_one_is() -> None:
    steady, shaken = Sources(), Sources()
    for index in range(200):
        steady.add(packet(index, 3000 * index - 9000), RATE, now=index / 30)
        late = 0.01 * (index % 2)
        shaken.add(packet(index, 3000 * index - 9000), RATE, now=index / 30 + late)
    assert next(iter(steady))[1].jitter < 1
    assert 800 < next(iter(shaken))[1].jitter < 910  # 10 ms are 900 ticks


def test_a_report_says_how_long_ago_the_senders_came() -> None:
    sources = Sources()
    sources.add(packet(0), RATE, now=1.0)
    sources.note_report(7, RtcpSenderInfo(0x123456789ABCDEF0, 0, 0, 0), now=1.25)
    (report,) = sources.reception_reports(now=2.0)
    assert (report.lsr, report.dlsr) == (0x56789ABC, 0.75 * 65_536)
    (late,) = sources.reception_reports(now=2.0 + 65_536)
    assert late.dlsr == 0


def test_a_forgotten_source_is_gone_and_a_report_of_an_unknown_one_adds_none() -> None:
    sources = Sources()
    sources.note_report(9, RtcpSenderInfo(1 << 32, 0, 0, 0), now=0.0)
    assert len(sources) == 0
    sources.add(packet(0), RATE, now=1.0)
    sources.forget(7)
    assert len(sources) == 0

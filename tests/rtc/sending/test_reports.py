from aiortc.rtp import RtcpReceiverInfo

from rtc.sending.reports import StreamReports


def report(highest: int, lsr: int = 0, dlsr: int = 0, fraction: int = 0) -> RtcpReceiverInfo:
    return RtcpReceiverInfo(
        ssrc=1,
        fraction_lost=fraction,
        packets_lost=3,
        highest_sequence=highest,
        jitter=7,
        lsr=lsr,
        dlsr=dlsr,
    )


def test_the_round_trip_is_the_time_without_the_peers_delay() -> None:
    reports = StreamReports(packets=5, octets=500, ntp_time=0x123456789ABCDEF0, rtp_time=9)
    assert reports.info(10.0).packet_count == 5
    reports.take(report(100, lsr=0x56789ABC, dlsr=1 << 15), 10.62)
    assert reports.round_trip is not None
    assert abs(reports.round_trip - 0.12) < 1e-9
    reports.take(report(120, lsr=1, dlsr=5), 11.0)
    assert abs(reports.round_trip - 0.12) < 1e-9


def test_packets_between_two_reports_are_counted_over_the_wrap() -> None:
    reports = StreamReports()
    assert reports.take(report(0xFFFFFFF0), 1.0) == 0
    assert reports.take(report(0x10, fraction=26), 2.0) == 32
    assert reports.fraction_lost == 26
    assert reports.take(report(0x0), 3.0) == 0  # an old report

"""The controllers of the bitrate as targets: any peer may report anything at any time."""

import math
import struct
from contextlib import suppress

from aiortc.rtp import unpack_remb_fci

from rtc.congestion.arrivals import ArrivalLog
from rtc.congestion.feedback import Feedback
from rtc.congestion.incoming import IncomingRate
from rtc.congestion.outgoing import OutgoingRate
from rtc.congestion.rate_control import RateLimits
from tests.fuzz.choices import Choices
from tests.fuzz.packets import REPORTS

PAUSES = (0.001, 0.0, 0.02, 0.1, 1.0, 30.0, 7 * 86_400.0)  # seconds
REMB = b"REMB\x01" + bytes.fromhex("1061a800000007")
REMB_ERRORS = (ValueError, IndexError, struct.error)  # of aiortc's parser; its packet is dropped


def outgoing_rate(data: bytes) -> None:
    """Send packets and take damaged reports about them; the target stays within its limits."""
    choices = Choices(data)
    limits = RateLimits()
    rate, time = OutgoingRate(limits), choices.one((0.0, 1e6))
    while choices.left:
        time += choices.one(PAUSES)
        match choices.number(6):
            case 0:
                for number in range(choices.number(40)):
                    rate.sent(choices.number(1500), time, (number + choices.number(256)) % 65_536)
            case 1:
                with suppress(ValueError):
                    rate.feedback(Feedback.parse(choices.damaged(choices.one(REPORTS))), time)
            case 2:
                trip = choices.one((None, 0.0, 0.05, -1.0, 70_000.0))
                rate.receiver_report(choices.number(256), choices.number(1 << 24), time, trip)
            case 3:
                with suppress(*REMB_ERRORS):
                    rate.estimate(unpack_remb_fci(choices.damaged(REMB))[0])
            case 4:
                rate.sent(choices.number(1500), time)
            case _:
                rate.tick(time)
        assert 1.0 <= rate.target <= limits.highest
        assert 0.0 <= rate.loss <= 1.0
        assert math.isfinite(rate.round_trip)


def incoming_rate(data: bytes) -> None:
    """Take packets with any numbers and times of sending; what the peer is told can be written."""
    choices = Choices(data)
    limits = RateLimits()
    rate, log, time = IncomingRate(limits), ArrivalLog(), choices.one((0.0, 1e6))
    number = sent = 0
    while choices.left:
        time += choices.one(PAUSES)
        number = (number + choices.one((1, 2, 0, 40, 32_768, 65_535))) % 65_536
        sent = (sent + choices.one((300, 5_000, 0, 1 << 23, (1 << 24) - 9))) % (1 << 24)
        size, audio = choices.number(1500), choices.number(4) == 0
        known = None if choices.number(8) == 7 else sent
        rate.add(choices.number(40), number, size, time, sent=known, audio=audio)
        log.add(number, time)
        if choices.number(2):
            told = rate.message(time)
            assert told is None or 1 <= told <= limits.highest
        if choices.number(4) == 0:
            rate.forget(choices.number(40))
            for report in log.reports(1, 2, time):
                assert Feedback.parse(bytes(report)).base == report.base

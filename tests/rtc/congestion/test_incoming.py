"""What a peer is told that does not number its packets, over modelled paths."""

import random
from itertools import pairwise

import pytest

from rtc.congestion.incoming import ABS_SEND_WRAP, REMINDER, IncomingRate
from rtc.congestion.rate_control import RateLimits
from tests.rtc.link import Conditions, Line

FRAME, AUDIO = 1 / 30, 0.02  # seconds
AUDIO_RATE = 96e3  # bit/s, which stock aiortc sends whatever it is told
LIMITS = RateLimits(highest=1.5e6)


class Caller:
    """A sender as aiortc's: it sends what it was told last, but not less than `lowest`."""

    def __init__(self, path: Conditions, *, lowest: float = 0.0, start: float = 300e3) -> None:
        self.sent: list[tuple[float, int]] = []
        self.told: list[tuple[float, float]] = [(0.0, start)]
        self.delays: list[float] = []
        self._line = Line([(0, path)], seed=4)
        self._rate = IncomingRate(LIMITS)
        self._rng = random.Random(1)
        self._lowest = lowest
        self._numbers = [0, 0]

    def run(self, seconds: float) -> None:
        due, now = [0.0, 0.0], 0.0
        while now < seconds:
            now += 0.005
            video = max(self.told[-1][1], self._lowest) * self._rng.uniform(0.7, 1.3)
            for kind, period, bitrate in ((0, FRAME, video), (1, AUDIO, AUDIO_RATE)):
                if now >= due[kind]:
                    due[kind] += period
                    self._send(kind, int(bitrate * period / 8), now)
            for data in self._line.receive(now):
                self._receive(data, now)
            if (value := self._rate.message(now)) is not None:
                self.told.append((now, value))

    def _send(self, kind: int, size: int, now: float) -> None:
        for part in range(0, size, 1200):
            stamp = (ABS_SEND_WRAP - 1000 + int(now * (1 << 18))) % ABS_SEND_WRAP
            head = bytes([kind]) + self._numbers[kind].to_bytes(3, "big")
            head += stamp.to_bytes(4, "big") + int(now * 1e6).to_bytes(8, "big")
            data = head + bytes(max(0, min(1200, size - part) - len(head)))
            self._line.send(now, data)
            self.sent.append((now, len(data)))
            self._numbers[kind] += 1

    def _receive(self, data: bytes, now: float) -> None:
        kind, number = data[0], int.from_bytes(data[1:4], "big") % 65536
        stamp = None if kind else int.from_bytes(data[4:8], "big")
        self._rate.add(kind, number, len(data), now, sent=stamp, audio=bool(kind))
        self.delays.append(now - int.from_bytes(data[8:16], "big") / 1e6)

    def bitrate(self, start: float, end: float) -> float:
        """Return what was sent, in bit/s."""
        return 8 * sum(size for time, size in self.sent if start <= time < end) / (end - start)


@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_a_path_of_400_kbit_does_not_collapse(loss: float) -> None:
    caller = Caller(Conditions(rate=400e3, delay=0.05, loss=loss), lowest=250e3)
    caller.run(40)
    assert caller.bitrate(0, 40) <= 1.1 * 400e3
    assert caller.bitrate(10, 40) >= 0.8 * 400e3
    assert sorted(caller.delays)[int(0.95 * len(caller.delays))] <= 0.3


def test_random_loss_does_not_starve_the_peer() -> None:
    caller = Caller(Conditions(delay=0.05, loss=0.1))
    caller.run(30)
    assert caller.told[-1][1] >= (LIMITS.highest - AUDIO_RATE) / 1.25


def test_a_sender_of_layers_is_given_room_beyond_what_it_sends() -> None:
    def last(*, layered: bool) -> float:
        rate, heard = IncomingRate(LIMITS, layered=layered), 0
        for index in range(1500):  # 15 s of 100 kbit/s
            time = index / 100
            rate.add(1, index, 125, time, sent=int(time * (1 << 18)), audio=False)
            heard = rate.message(time) or heard
        return heard

    assert last(layered=True) >= LIMITS.highest / 1.2
    assert last(layered=False) <= 1.5 * 100e3 + LIMITS.start


def test_messages_are_few_and_repeated() -> None:
    rate, messages = IncomingRate(LIMITS), list[tuple[float, int]]()
    for index in range(3000):
        time = index / 100
        rate.add(1, index, 1000, time, sent=int(time * (1 << 18)) % ABS_SEND_WRAP, audio=False)
        if (value := rate.message(time)) is not None:
            messages.append((time, value))
    assert len(messages) <= 25
    assert len({value for _, value in messages}) <= 12
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(messages)]
    assert max(gaps) <= REMINDER + 0.02


def test_without_packets_nothing_is_told() -> None:
    assert IncomingRate(LIMITS).message(1.0) is None

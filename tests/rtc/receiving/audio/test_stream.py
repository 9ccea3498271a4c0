"""Calls in simulated time: what is heard through loss, and how late."""

import itertools

import numpy as np
import pytest
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket
from hypothesis import given, settings
from hypothesis import strategies as st

from media.clock import ReplayClock
from media.frames import SAMPLE_RATE, AudioChunk, Gap
from rtc.receiving.audio.stream import AudioOutput, AudioStream
from rtc.receiving.link import Link
from rtc.receiving.stream import SenderReport
from tests.rtc.link import Burst, Conditions, outage
from tests.rtc.receiving.audio.call import OPUS, OPUS_NACK, PACKET, RED, TICKS, listen, redundant
from tests.rtc.receiving.audio.speech import packets

HALF_TRIP = 0.05  # seconds
PCMU = RTCRtpCodecParameters(mimeType="audio/PCMU", clockRate=8000, channels=1, payloadType=0)


def lossy(loss: float) -> Conditions:
    return Conditions(loss=loss, delay=HALF_TRIP)


def covered(outputs: list[AudioChunk], gaps: list[Gap], seconds: float) -> float:
    """Return the share of `seconds` in which there is sound that was not made up."""
    made_up = sum(gap.end - gap.start for gap in gaps if gap.concealed)
    return (sum(len(chunk.samples) for chunk in outputs) / SAMPLE_RATE - made_up) / seconds


def test_without_loss_sound_is_delivered_when_it_comes() -> None:
    heard = listen(packets(), lossy(0))
    assert not heard.gaps
    assert not heard.requested
    assert max(heard.added()) < 1e-9
    assert all(a.end == b.start for a, b in itertools.pairwise(heard.chunks))
    assert heard.chunks[0].start == round(HALF_TRIP * SAMPLE_RATE)
    assert len(heard.samples()) == 3 * SAMPLE_RATE


def test_jitter_without_loss_adds_nothing_to_it() -> None:
    heard = listen(packets(), Conditions(delay=0.05, jitter=0.2))
    assert heard.gaps == []
    assert max(heard.added()) <= 0.2


def test_at_ten_percent_loss_retransmission_brings_the_sound_back() -> None:
    payloads = packets(10.0, bitrate=96_000)
    delivered, added, requested = [], list[float](), 0
    for seed in range(5):
        heard = listen(payloads, lossy(0.1), lossy(0.1), seed=seed, codec=OPUS_NACK)
        assert heard.seconds(concealed=False) == 0
        delivered.append(covered(heard.chunks, heard.gaps, 10.0))
        added += heard.added()
        requested += len(heard.requested)
    assert np.mean(delivered) >= 0.99
    assert np.median(added) <= 0.08
    assert requested < 0.2 * 5 * len(payloads)


@pytest.mark.parametrize("seed", range(3))
def test_a_sender_that_does_not_retransmit_is_not_waited_for(seed: int) -> None:
    heard = listen(packets(10.0), lossy(0.1), lossy(0.1), seed=seed, retransmits=False)
    assert heard.seconds(concealed=True) + heard.seconds(concealed=False) > 0.5
    assert heard.seconds(concealed=False) == 0
    half = len(heard.chunks) // 2
    assert max(heard.added()[half:]) < 0.12, "a few lost packets and the shortest wait"


@pytest.mark.parametrize("seed", range(3))
def test_in_band_fec_recovers_what_the_next_packet_has(seed: int) -> None:
    with_fec = listen(packets(10.0, fec=True), lossy(0.1), seed=seed, retransmits=False)
    without = listen(packets(10.0), lossy(0.1), seed=seed, retransmits=False)
    assert with_fec.seconds(concealed=True) < 0.6 * without.seconds(concealed=True)


@pytest.mark.parametrize("seed", range(3))
def test_redundant_packets_need_no_retransmission(seed: int) -> None:
    payloads = redundant(packets(10.0), depth=2)
    heard = listen(payloads, lossy(0.1), seed=seed, codec=RED, retransmits=False)
    assert covered(heard.chunks, heard.gaps, 10.0) >= 0.99
    assert np.median(heard.added()) < 0.03


def test_what_redundant_packets_bring_back_is_the_sound_itself() -> None:
    heard = listen(redundant(packets(10.0), depth=2), lossy(0.1), codec=RED, retransmits=False)
    clean = listen(packets(10.0), lossy(0))
    assert heard.gaps == []
    assert heard.chunks[0].start == clean.chunks[0].start
    np.testing.assert_array_equal(clean.samples(), heard.samples())


def test_answers_that_take_longer_are_awaited_before_the_next_request() -> None:
    conditions = Conditions(loss=0.1, delay=HALF_TRIP, jitter=0.03)
    answered = Conditions(delay=HALF_TRIP)
    heard = listen(packets(10.0), conditions, answered, seed=2, codec=OPUS_NACK)
    again = len(heard.requested) - len(set(heard.requested))
    # A tenth of the answers is lost, and the first ones are later than expected.
    assert again < 0.25 * len(set(heard.requested))


def test_bursts_are_retransmitted_too() -> None:
    conditions = Conditions(burst=Burst.of(0.1, 5), delay=HALF_TRIP)
    heard = listen(packets(10.0), conditions, lossy(0.0), seed=3, codec=OPUS_NACK)
    assert covered(heard.chunks, heard.gaps, 10.0) >= 0.98


def test_after_an_outage_sound_goes_on_at_once_and_the_hole_is_reported() -> None:
    schedule = outage(Conditions(delay=HALF_TRIP), 3.0, 4.0)
    heard = listen(packets(10.0), schedule, codec=OPUS_NACK)
    assert heard.requested == []
    concealed, hole = heard.gaps
    assert concealed.concealed
    assert not hole.concealed
    assert (concealed.start, hole.end) == pytest.approx((3.0 + HALF_TRIP, 7.0 + HALF_TRIP))
    assert concealed.end == hole.start == pytest.approx(3.1 + HALF_TRIP)
    assert max(heard.added()[-100:]) < 1e-6


def test_an_outage_that_a_sender_remembers_is_heard_afterwards() -> None:
    schedule = outage(Conditions(delay=HALF_TRIP), 3.0, 1.0)
    heard = listen(packets(10.0), schedule, codec=OPUS_NACK)
    assert heard.gaps == []
    assert max(heard.added()[-200:]) < 1e-6, "and then nothing is late"


def test_a_pause_of_the_sender_is_neither_lost_nor_waited_for() -> None:
    silent = [number for number in range(60, 120) if number % 20]
    heard = listen(packets(4.0), lossy(0), silent=silent)
    assert not heard.gaps
    assert not heard.requested
    assert max(heard.added()) < 1e-9
    assert len(heard.samples()) == 4 * SAMPLE_RATE


def test_what_comes_twice_or_in_another_order_is_heard_once() -> None:
    conditions = Conditions(delay=HALF_TRIP, jitter=0.01, reordered=0.1, duplicated=0.1)
    clean, heard = listen(packets()), listen(packets(), conditions, retransmits=False)
    # The first gaps teach by how much packets are overtaken.
    assert heard.seconds(concealed=True) < 0.1
    assert len(heard.samples()) == len(clean.samples())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(0, 0.5), st.booleans(), st.booleans())
def test_any_loss_leaves_a_gapless_report(seed: int, loss: float, red: bool, answers: bool) -> None:
    """Every moment is in a chunk or in a gap, chunks are in order, and the end comes in time."""
    payloads = redundant(packets()) if red else packets()
    heard = listen(
        payloads, lossy(loss), lossy(loss), seed=seed, codec=RED if red else OPUS,
        retransmits=answers,
    )  # fmt: skip
    end = None
    for _, output in heard.outputs:
        if isinstance(output, Gap):
            assert output.start < output.end
            assert end is None or abs(output.start - end / SAMPLE_RATE) < 1e-6
            if not output.concealed:
                end = round(output.end * SAMPLE_RATE)
            continue
        assert end is None or output.start == end
        end = output.end
    assert max(heard.added(), default=0) < 0.5 + 0.02 * 128


def test_a_lost_packet_of_the_telephone_leaves_a_hole() -> None:
    outputs: list[AudioOutput | None] = []
    stream = AudioStream(Link(ReplayClock(), round_trip=1.0), outputs.append, limit=0.1)
    for number in (0, 1, 3, 4):
        packet = RtpPacket(0, 0, number, number * 160, 7, payload=bytes([255]) * 160)
        stream.receive(packet, PCMU, 1 + number * PACKET, repeated=False)
    stream.poll(2.0)
    stream.stop()
    assert [each for each in outputs if isinstance(each, Gap)] == [
        Gap("audio", 1.04, 1.06, concealed=False)
    ]
    assert outputs[-1] is None
    assert sum(len(c.samples) for c in outputs if isinstance(c, AudioChunk)) == 4 * 320


def test_another_source_continues_in_place_of_the_first() -> None:
    outputs: list[AudioOutput | None] = []
    stream = AudioStream(Link(ReplayClock()), outputs.append, limit=0.1)
    for ssrc, start in ((7, 1.0), (8, 2.0)):
        for number, payload in enumerate(packets(1.0)[:10]):
            packet = RtpPacket(111, 0, number, number * TICKS, ssrc, payload=payload)
            stream.receive(packet, OPUS, start + number * PACKET, repeated=False)
    starts = [each.start for each in outputs if isinstance(each, AudioChunk)]
    assert (starts[0], starts[10]) == (SAMPLE_RATE, 2 * SAMPLE_RATE)


def test_a_malformed_packet_changes_nothing_and_is_concealed_as_lost() -> None:
    outputs: list[AudioOutput | None] = []
    stream = AudioStream(Link(ReplayClock(), round_trip=1.0), outputs.append, limit=0.1)
    for number, payload in enumerate(packets(1.0)[:10]):
        data = b"\xff\xff" if number == 5 else payload
        packet = RtpPacket(111, 0, number, number * TICKS, 7, payload=data)
        if number == 5:
            with pytest.raises(ValueError, match="Opus"):
                stream.receive(packet, OPUS, number * PACKET, repeated=False)
        else:
            stream.receive(packet, OPUS, number * PACKET, repeated=False)
    stream.poll(1.0)
    assert [each for each in outputs if isinstance(each, Gap)] == [Gap("audio", 0.1, 0.12, True)]


def test_padding_is_no_sound_and_no_loss() -> None:
    outputs: list[AudioOutput | None] = []
    stream = AudioStream(Link(ReplayClock()), outputs.append, limit=0.1)
    sequence = 0
    for number, payload in enumerate(packets(1.0)[:10]):
        for data in (payload, b""):
            packet = RtpPacket(111, 0, sequence, number * TICKS, 7, payload=data)
            stream.receive(packet, OPUS, number * PACKET, repeated=False)
            sequence += 1
    chunks = [each for each in outputs if isinstance(each, AudioChunk)]
    assert len(outputs) == len(chunks) == 10
    assert all(a.end == b.start for a, b in itertools.pairwise(chunks))


def test_pictures_are_placed_where_the_sound_of_their_moment_is() -> None:
    link = Link(ReplayClock())
    stream = AudioStream(link, lambda _: None, limit=0.1)
    for number, payload in enumerate(packets(1.0)[:10]):
        packet = RtpPacket(111, 0, number, number * TICKS, 7, payload=payload)
        stream.receive(packet, OPUS, 1.0 + number * PACKET, repeated=False)
    stream.report(SenderReport(ssrc=8, sent=500.0, timestamp=0), 1.2)
    assert link.alignment.place_video(500.0, 1.0) is None, "that is another source"
    stream.report(SenderReport(ssrc=7, sent=500.0, timestamp=4 * TICKS), 1.2)
    assert link.alignment.place_video(500.0, 1.3) == pytest.approx(1.0 + 4 * PACKET)

"""What takes the place of lost sound."""

import numpy as np
import pytest

from rtc.receiving.audio.buffer import AudioPacket, Missing
from rtc.receiving.audio.opus import has_fec
from rtc.receiving.audio.sound import MAX_CONCEALED, DecodedSound, Hole, SoundDecoder
from tests.rtc.receiving.audio.call import TICKS
from tests.rtc.receiving.audio.speech import packets

SAMPLES = TICKS // 3


def packet(number: int, payload: bytes) -> AudioPacket:
    return AudioPacket(number, number * TICKS, TICKS, payload)


def fill(lost: int, *, fec: bool, pause: int = 0) -> list[DecodedSound | Hole]:
    """Return what takes the place of `lost` packets before one that has FEC, or has not."""
    payloads = packets(fec=fec)
    following = next(n for n in range(80, len(payloads)) if has_fec(payloads[n]) == fec)
    decoder = SoundDecoder("opus")
    for number in range(following - lost - pause):
        list(decoder.decode(packet(number, payloads[number])))
    after = packet(following, payloads[following])
    return list(decoder.fill(Missing(after.timestamp, lost * TICKS, pause * TICKS, after)))


def shape(filled: list[DecodedSound | Hole]) -> list[tuple[int, bool]]:
    """Return of each piece its packets, negative for a hole, and whether it is made up."""
    return [
        (-each.duration // TICKS, False)
        if isinstance(each, Hole)
        else (len(each.samples) // SAMPLES, each.concealed)
        for each in filled
    ]


def test_one_lost_packet_is_recovered_or_concealed() -> None:
    assert shape(fill(1, fec=True)) == [(1, False)]
    assert shape(fill(1, fec=False)) == [(1, True)]


def test_of_more_the_last_is_recovered_and_the_first_are_concealed() -> None:
    most = MAX_CONCEALED // TICKS
    assert shape(fill(3, fec=True)) == [(2, True), (1, False)]
    assert shape(fill(20, fec=True)) == [(most, True), (most - 19, False), (1, False)]
    assert shape(fill(20, fec=False)) == [(most, True), (most - 20, False)]


def test_after_a_pause_nothing_is_made_up() -> None:
    assert shape(fill(1, fec=False, pause=10)) == [(-1, False)]
    assert shape(fill(2, fec=True, pause=10)) == [(-1, False), (1, False)]


@pytest.mark.parametrize("fec", [True, False])
@pytest.mark.parametrize("lost", [1, 2, 5, 6, 7, 50])
def test_the_pieces_are_as_long_as_the_gap_and_in_its_place(lost: int, fec: bool) -> None:
    pieces = fill(lost, fec=fec)
    end = pieces[0].timestamp
    for piece in pieces:
        assert piece.timestamp == end
        duration = piece.duration if isinstance(piece, Hole) else 3 * len(piece.samples)
        end += duration
    assert end - pieces[0].timestamp == lost * TICKS


def test_a_packet_that_cannot_be_decoded_is_concealed() -> None:
    decoder = SoundDecoder("opus")
    broken = bytes([0b11111000]) + bytes(2000)  # CELT of 20 ms, over the largest size
    (made,) = decoder.decode(AudioPacket(0, 0, TICKS, broken))
    assert isinstance(made, DecodedSound)
    assert made.concealed
    assert made.samples.shape == (SAMPLES,)


@pytest.mark.parametrize(("codec", "rate"), [("PCMU", 8000), ("pcma", 8000), ("G722", 16_000)])
def test_telephone_codecs_are_decoded_and_their_gaps_left_empty(codec: str, rate: int) -> None:
    decoder = SoundDecoder(codec.lower())
    payload = bytes(range(160))
    (sound,) = decoder.decode(AudioPacket(0, 0, 160, payload))
    assert isinstance(sound, DecodedSound)
    assert (len(sound.samples), sound.rate) == (rate // 50, rate)
    assert np.abs(sound.samples).max() <= 1
    after = AudioPacket(2, 320, 160, payload)
    assert list(decoder.fill(Missing(320, 160, 0, after))) == [Hole(160, 160)]


def test_fec_of_a_packet_that_is_longer_than_the_gap_is_not_used() -> None:
    payloads = packets(fec=True)
    number = next(n for n in range(80, len(payloads)) if has_fec(payloads[n]))
    decoder = SoundDecoder("opus")
    half = TICKS // 2
    for each in range(number):
        list(decoder.decode(packet(each, payloads[each])))
    (made,) = decoder.fill(Missing(half, half, 0, AudioPacket(9, half, TICKS, payloads[number])))
    assert isinstance(made, DecodedSound)
    assert made.concealed

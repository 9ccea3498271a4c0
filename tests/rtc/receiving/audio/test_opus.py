import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.audio.resampling import Samples
from rtc.receiving.audio.opus import MAX_TICKS, OpusDecoder, has_fec, packet_ticks
from tests.rtc.receiving.audio.call import TICKS, encode
from tests.rtc.receiving.audio.speech import LOOKAHEAD, packets, read_speech, snr

SOUND = TICKS // 3  # samples of a packet


def decoded(payloads: list[bytes]) -> Samples:
    decoder = OpusDecoder()
    return np.concatenate([decoder.decode(payload) for payload in payloads])


def reference(payloads: list[bytes]) -> Samples:
    """Return what FFmpeg's own decoder makes of packets, at 48 kHz."""
    decoder = av.AudioCodecContext.create("opus", "r")
    frames = [frame for each in payloads for frame in decoder.decode(av.Packet(each))]
    return np.concatenate([frame.to_ndarray().mean(axis=0) for frame in frames])


def test_speech_is_decoded_as_it_was() -> None:
    heard = decoded(packets(bitrate=96_000))[LOOKAHEAD:]
    assert snr(read_speech()[: len(heard)], heard) > 12  # dB; transparent to an ear


def test_another_decoder_hears_the_same() -> None:
    payloads = packets(1.0)
    ours, theirs = decoded(payloads), reference(payloads)[::3][: SOUND * len(payloads)]
    assert np.corrcoef(ours[:-400], theirs[: len(ours) - 400])[0, 1] > 0.9


def test_a_lost_packet_is_recovered_from_the_next_one() -> None:
    payloads = packets(3.0, fec=True)
    whole = decoded(payloads)
    recovered: list[float] = []
    concealed: list[float] = []
    for lost in range(60, 140, 2):
        if not has_fec(payloads[lost + 1]):
            continue
        clean = whole[lost * SOUND : (lost + 1) * SOUND]
        for results, fec in ((recovered, True), (concealed, False)):
            decoder = OpusDecoder()
            for payload in payloads[:lost]:
                decoder.decode(payload)
            made = decoder.recover(payloads[lost + 1], TICKS) if fec else decoder.conceal(TICKS)
            assert made.shape == (SOUND,)
            results.append(((made - clean) ** 2).sum() / max(1e-6, (clean**2).sum()))
    assert len(recovered) >= 10
    assert np.median(recovered) < np.median(concealed) / 2


def test_packets_say_whether_they_have_fec() -> None:
    assert not any(map(has_fec, packets(2.0)))
    assert sum(map(has_fec, packets(2.0, fec=True))) > 50
    assert not has_fec(b"")


def test_concealment_continues_the_sound_and_fades() -> None:
    decoder = OpusDecoder()
    tone = np.sin(np.arange(16_000) * 2 * np.pi * 200 / 16_000).astype(np.float32) * 0.5
    last = [decoder.decode(payload) for payload in encode(tone)][-1]
    made = decoder.conceal(40 * TICKS)
    loud, quiet = made[:SOUND], made[-SOUND:]
    assert np.abs(loud).max() > 0.5 * np.abs(last).max()
    assert np.abs(quiet).max() < 0.2 * np.abs(last).max()


def test_a_voice_on_both_sides_of_stereo_is_heard_once() -> None:
    speech = read_speech()[:16_000]
    encoder = av.AudioCodecContext.create("libopus", "w")
    encoder.format, encoder.layout, encoder.sample_rate = "flt", "stereo", 16_000
    encoder.bit_rate = 96_000
    payloads = []
    for start in range(0, len(speech), SOUND):
        sides = np.repeat(speech[start : start + SOUND], 2)[None]
        frame = av.AudioFrame.from_ndarray(sides, format="flt", layout="stereo")
        frame.sample_rate, frame.pts = 16_000, start
        payloads += [bytes(packet) for packet in encoder.encode(frame)]
    heard = decoded(payloads)
    assert 0.8 < np.abs(heard).max() / np.abs(speech).max() < 1.2


@given(st.binary(max_size=300))
def test_any_bytes_are_decoded_or_refused(payload: bytes) -> None:
    decoder = OpusDecoder()
    try:
        ticks = packet_ticks(payload)
    except ValueError:
        with pytest.raises(ValueError, match="expected an Opus packet"):
            decoder.decode(payload)
        return
    assert 0 < ticks <= MAX_TICKS
    try:
        samples = decoder.decode(payload)
    except ValueError:
        return
    assert samples.shape == (ticks // 3,)
    assert np.isfinite(samples).all()


@given(st.binary(min_size=1, max_size=100), st.integers(-10, 10_000))
def test_recovery_from_any_bytes_gives_what_was_asked_for_or_is_refused(
    payload: bytes, ticks: int
) -> None:
    try:
        samples = OpusDecoder().recover(payload, ticks)
    except ValueError:
        return
    assert samples.shape == (ticks // 3,)


@given(st.integers(0, 127), st.binary(min_size=1, max_size=60))
def test_from_any_packet_that_has_fec_sound_is_recovered(first: int, rest: bytes) -> None:
    payload = bytes([first]) + rest
    if has_fec(payload):
        ticks = packet_ticks(payload)
        assert OpusDecoder().recover(payload, ticks).shape == (ticks // 3,)

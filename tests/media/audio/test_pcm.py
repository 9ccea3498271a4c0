import math
from itertools import pairwise
from typing import cast

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.audio import g711
from media.audio.pcm import (
    PcmDecoder,
    PcmEncoding,
    decode_pcm,
    encode_pcm,
    samples_to_av,
    to_int16,
)
from media.audio.resampling import Samples
from tests.media.audio.frames import samples_from_av

ENCODINGS: list[PcmEncoding] = ["pcm16", "float32", "ulaw", "alaw"]
NOISE = np.random.default_rng(1).uniform(-0.8, 0.8, 6_000).astype(np.float32)


def tone(hz: float, rate: int, seconds: float = 0.5) -> Samples:
    return np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate).astype(np.float32)


@given(
    encoding=st.sampled_from(ENCODINGS),
    channels=st.sampled_from([1, 2]),
    cuts=st.lists(st.integers(0, 4_000), max_size=12).map(sorted),
)
@settings(max_examples=60)
def test_bytes_may_be_split_anywhere(encoding: PcmEncoding, channels: int, cuts: list[int]) -> None:
    decoder = PcmDecoder(encoding, 8_000, 16_000, channels)
    data = encode_pcm(NOISE[:1_000], encoding)

    def run(pieces: list[bytes]) -> Samples:
        state = decoder.init_state()
        made: list[Samples] = []
        for piece in pieces:
            state, outputs = decoder.step(state, piece)
            made += outputs
        return np.concatenate([*made, *decoder.flush(state)])

    pieces = [data[a:b] for a, b in pairwise([0, *cuts, max(4_000, *cuts, 4_000)])]
    whole = run([data])
    assert len(whole) == 2_000 // channels
    np.testing.assert_allclose(run(pieces), whole, atol=1e-6)  # order of sums


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_samples_survive_each_encoding_within_its_step(encoding: PcmEncoding) -> None:
    back = decode_pcm(encode_pcm(NOISE, encoding), encoding)
    # half of the largest step of the encoding, relative to full scale
    step = {"pcm16": 0, "float32": -0.5 / 32768, "ulaw": 1 / 64, "alaw": 1 / 64}[encoding]
    np.testing.assert_allclose(back, NOISE, atol=step + 0.5 / 32768 + 1e-7)


def test_two_channels_become_their_mean() -> None:
    left, right = tone(300, 16_000), tone(500, 16_000)
    data = encode_pcm(np.stack([left, right], axis=1).reshape(-1), "float32")
    decoder = PcmDecoder("float32", 16_000, 16_000, channels=2)
    _, made = decoder.step(decoder.init_state(), data)
    np.testing.assert_allclose(made[0], (left + right) / 2, atol=1e-6)


def test_samples_beyond_full_scale_are_clipped() -> None:
    loud = np.array([-3, -1, 0, 1, 3], np.float32)
    assert to_int16(loud).tolist() == [-32768, -32768, 0, 32767, 32767]
    np.testing.assert_array_equal(
        decode_pcm(encode_pcm(loud, "float32"), "float32"), [-1, -1, 0, 1, 1]
    )


def test_float_pcm_that_is_not_a_number_is_refused() -> None:
    data = np.array([0, np.nan], "<f4").tobytes()
    with pytest.raises(ValueError, match="finite"):
        decode_pcm(data, "float32")


@pytest.mark.parametrize(("law", "codec"), [("ulaw", "pcm_mulaw"), ("alaw", "pcm_alaw")])
def test_g711_decodes_as_ffmpeg_does_and_encodes_at_least_as_well(
    law: g711.Law, codec: str
) -> None:
    every = bytes(range(256))
    reader = cast("av.AudioCodecContext", av.AudioCodecContext.create(codec, "r"))
    reader.sample_rate, reader.layout, reader.format = 8_000, "mono", "s16"
    reference = reader.decode(av.Packet(every))[0].to_ndarray()[0]
    np.testing.assert_array_equal(g711.decode(every, law), reference)

    samples = np.arange(-32768, 32768).astype(np.int16)
    writer = cast("av.AudioCodecContext", av.AudioCodecContext.create(codec, "w"))
    writer.sample_rate, writer.layout, writer.format = 8_000, "mono", "s16"
    frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
    frame.sample_rate = 8_000
    theirs = b"".join(bytes(packet) for packet in writer.encode(frame))
    wide = samples.astype(np.int32)
    their_error = np.abs(g711.decode(theirs, law) - wide)
    our_error = np.abs(g711.decode(g711.encode(samples, law), law) - wide)
    assert (our_error <= their_error).all()


@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize("format_name", ["u8", "s16", "s16p", "s32", "flt", "fltp", "dblp"])
def test_frames_of_any_format_and_layout_become_mono_floats(format_name: str, layout: str) -> None:
    source = samples_to_av(tone(440, 16_000, 0.1), 16_000, 0)
    converter = av.AudioResampler(format=format_name, layout=layout, rate=16_000)
    (frame,) = converter.resample(source)
    gain = 1 if layout == "mono" else math.sqrt(0.5)  # FFmpeg spreads mono over two at -3 dB
    step = 1 / 128 if format_name == "u8" else 1e-4
    np.testing.assert_allclose(
        samples_from_av(frame), gain * tone(440, 16_000, 0.1), atol=step + 1e-4
    )


def test_a_frame_for_an_encoder_has_its_rate_and_position() -> None:
    frame = samples_to_av(np.zeros(960, np.float32), 48_000, 4_800)
    assert (frame.samples, frame.sample_rate, frame.pts) == (960, 48_000, 4_800)
    assert frame.time == pytest.approx(0.1)

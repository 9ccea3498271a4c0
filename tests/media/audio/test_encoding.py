import io

import av
import numpy as np
import pytest

from media.audio.encoding import AUDIO_FILE_FORMATS, AudioEncoder, AudioFileFormat
from tests.media.audio.frames import samples_from_av

RATE = 24_000
SIGNATURES = {"mp3": b"ID3", "opus": b"OggS", "aac": b"\xff\xf1", "flac": b"fLaC"}


def encoded(format: AudioFileFormat, parts: list[np.ndarray]) -> bytes:
    encoder = AudioEncoder(format, RATE)
    return b"".join([*(encoder.encode(part) for part in parts), encoder.finish()])


def decoded(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data), "r") as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        frames = [
            part
            for frame in [*container.decode(audio=0), None]
            for part in resampler.resample(frame)
        ]
    return np.concatenate([samples_from_av(frame) for frame in frames])


@pytest.mark.parametrize("format", AUDIO_FILE_FORMATS)
def test_a_file_of_each_format_holds_the_sound_however_it_was_cut(format: AudioFileFormat) -> None:
    wave = (0.5 * np.sin(np.arange(2 * RATE) * 2 * np.pi * 440 / RATE)).astype(np.float32)
    whole = encoded(format, [wave])
    assert whole.startswith(SIGNATURES[format])
    assert encoded(format, np.split(wave, [0, 1, 700, 30_000])) == whole
    found = decoded(whole)
    assert len(wave) <= len(found) <= len(wave) + 0.11 * RATE  # codecs pad the start and the end
    middle = found[RATE // 2 : RATE + RATE // 2]
    assert np.abs(np.fft.rfft(middle)).argmax() == 440
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("format", AUDIO_FILE_FORMATS)
def test_bytes_come_while_sound_comes(format: AudioFileFormat) -> None:
    encoder = AudioEncoder(format, RATE)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * RATE).astype(np.float32)
    first = encoder.encode(noise)
    assert len(first) > len(encoder.finish())


@pytest.mark.parametrize("format", AUDIO_FILE_FORMATS)
def test_a_file_without_sound_ends_without_an_error(format: AudioFileFormat) -> None:
    encoded(format, [np.zeros(0, np.float32)])

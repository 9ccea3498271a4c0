"""Opus through libopus, with its concealment and in-band FEC, which FFmpeg does not reach.

The functions are those of the libopus that PyAV is linked to: symbols are looked up in PyAV's own
extension module and what it depends on, so there is no path to guess and no second copy.
"""

import ctypes
import weakref
from functools import lru_cache

import av.codec.context
import numpy as np
from numpy.typing import NDArray

from media.audio.downmix import DownmixState, mix_stereo
from media.audio.resampling import Samples
from media.frames import SAMPLE_RATE
from rtc.errors import RtcError

CLOCK_HZ = 48_000  # of RTP timestamps, whatever the rate of the sound: RFC 7587, section 4.1
CHANNELS = 2  # of the decoder: a stream may change between mono and stereo with any packet
MAX_TICKS = CLOCK_HZ * 120 // 1000  # of a packet: 120 ms, RFC 6716 section 3.2.5
STEP_TICKS = CLOCK_HZ * 25 // 10_000  # 2.5 ms: durations are multiples of it
TICKS_PER_SAMPLE = CLOCK_HZ // SAMPLE_RATE
STEREO = 0x04  # the bit of the first byte, RFC 6716 section 3.1
_OK = 0
_FLOATS = ctypes.POINTER(ctypes.c_float)


@lru_cache(maxsize=1)
def libopus() -> ctypes.CDLL:
    """Return the functions of libopus; they release the GIL.

    Raises:
        RtcError: PyAV is built without libopus, or with one before 1.5.
    """
    library = ctypes.CDLL(av.codec.context.__file__)
    number, data = ctypes.c_int, ctypes.c_char_p
    try:
        library.opus_decoder_create.restype = ctypes.c_void_p
        library.opus_decoder_create.argtypes = [number, number, ctypes.POINTER(number)]
        library.opus_decoder_destroy.restype = None
        library.opus_decoder_destroy.argtypes = [ctypes.c_void_p]
        library.opus_decode_float.argtypes = [
            ctypes.c_void_p,
            data,
            number,
            _FLOATS,
            number,
            number,
        ]
        library.opus_packet_get_nb_samples.argtypes = [data, number, number]
        library.opus_packet_has_lbrr.argtypes = [data, number]
    except AttributeError as error:
        raise RtcError(
            f"PyAV {av.__version__} has no libopus 1.5 or newer ({error}): install its wheel"
        ) from error
    return library


def packet_ticks(payload: bytes) -> int:
    """Return the duration of an Opus packet in ticks of CLOCK_HZ.

    Raises:
        ValueError: it is no Opus packet.
    """
    ticks: int = libopus().opus_packet_get_nb_samples(payload, len(payload), CLOCK_HZ)
    if ticks <= 0:
        raise ValueError(f"expected an Opus packet, got {payload[:8].hex()!r}")
    return ticks


def has_fec(payload: bytes) -> bool:
    """Return whether a packet also has a copy of the sound before it, at a lower bitrate."""
    return bool(payload) and libopus().opus_packet_has_lbrr(payload, len(payload)) > 0


class OpusDecoder:
    """Decodes one stream to mono at SAMPLE_RATE. A step takes some 30 us, so it needs no thread.

    Durations are in ticks of CLOCK_HZ, and multiples of STEP_TICKS.
    """

    rate = SAMPLE_RATE

    def __init__(self) -> None:
        self._library = libopus()
        status = ctypes.c_int()
        decoder = self._library.opus_decoder_create(SAMPLE_RATE, CHANNELS, ctypes.byref(status))
        if status.value != _OK:
            raise RtcError(f"libopus made no decoder: error {status.value}")
        weakref.finalize(self, self._library.opus_decoder_destroy, decoder)
        self._decoder = decoder
        self._stereo = False
        self._downmix = DownmixState()

    def decode(self, payload: bytes) -> Samples:
        """Return the sound of the next packet.

        Raises:
            ValueError: it is no Opus packet; the state is as before.
        """
        ticks = packet_ticks(payload)
        self._stereo = bool(payload[0] & STEREO)
        return self._run(payload, ticks, fec=0)

    def recover(self, following: bytes, ticks: int) -> Samples:
        """Return the `ticks` before the packet `following` from its FEC: decode that one next.

        What the FEC does not cover, it conceals: the FEC has as much as the packet.

        Raises:
            ValueError: `following` is no Opus packet.
        """
        return self._run(following, ticks, fec=1)

    def conceal(self, ticks: int) -> Samples:
        """Return `ticks` that continue the sound so far, and fade into its background."""
        return self._run(None, ticks, fec=0)

    def _run(self, payload: bytes | None, ticks: int, *, fec: int) -> Samples:
        if ticks <= 0 or ticks % STEP_TICKS:
            raise ValueError(f"expected a multiple of {STEP_TICKS} ticks, got {ticks}")
        count = ticks // TICKS_PER_SAMPLE
        samples: NDArray[np.float32] = np.empty((count, CHANNELS), np.float32)
        decoded = self._library.opus_decode_float(
            self._decoder,
            payload,
            0 if payload is None else len(payload),
            samples.ctypes.data_as(_FLOATS),
            count,
            fec,
        )
        if decoded < 0:
            raise ValueError(f"expected an Opus packet, got error {decoded} of libopus")
        if not self._stereo:
            return np.ascontiguousarray(samples[:decoded, 0])
        self._downmix, mono = mix_stereo(self._downmix, samples[:decoded])
        return mono

"""libvpx as PyAV brings it: what FFmpeg's wrapper does not reach.

FFmpeg cannot change the bitrate of an open VP8 encoder, nor choose the references of a frame. The
functions are those of the library that PyAV is linked with, found through PyAV's own module, so no
second copy is loaded. Layouts are those of libvpx 1.8 to 1.16, and are checked.
"""

import ctypes
from ctypes import (
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int64,
    c_long,
    c_size_t,
    c_ubyte,
    c_uint,
    c_ulong,
    c_void_p,
)
from functools import cache
from importlib.util import find_spec

from rtc.errors import EncoderError

OK, ABI_MISMATCH = 0, 3  # vpx_codec_err_t
ABI_VERSIONS = range(20, 80)  # of the encoder's interface: libvpx tells which one it has
I420 = 0x102
CBR = 1
DEFAULTS = (320, 240, 1, 30, 256, 4, 63, 128, 1)  # what libvpx fills in, by which the layout shows


class VpxConfig(Structure):
    """`vpx_codec_enc_cfg_t`, vpx/vpx_encoder.h; what follows is of no use here."""

    _fields_ = (
        *((name, c_uint) for name in ("g_usage", "g_threads", "g_profile", "g_w", "g_h")),
        *((name, c_uint) for name in ("g_bit_depth", "g_input_bit_depth")),
        ("g_timebase_num", c_int),
        ("g_timebase_den", c_int),
        *((name, c_uint) for name in ("g_error_resilient", "g_pass", "g_lag_in_frames")),
        *((name, c_uint) for name in ("rc_dropframe_thresh", "rc_resize_allowed")),
        *((name, c_uint) for name in ("rc_scaled_width", "rc_scaled_height")),
        *((name, c_uint) for name in ("rc_resize_up_thresh", "rc_resize_down_thresh")),
        ("rc_end_usage", c_uint),
        ("rc_twopass_stats_in", c_void_p * 2),
        ("rc_firstpass_mb_stats_in", c_void_p * 2),
        *((name, c_uint) for name in ("rc_target_bitrate", "rc_min_quantizer")),
        *((name, c_uint) for name in ("rc_max_quantizer", "rc_undershoot_pct")),
        *((name, c_uint) for name in ("rc_overshoot_pct", "rc_buf_sz", "rc_buf_initial_sz")),
        *((name, c_uint) for name in ("rc_buf_optimal_sz", "rc_2pass_vbr_bias_pct")),
        *((name, c_uint) for name in ("rc_2pass_vbr_minsection_pct",)),
        *((name, c_uint) for name in ("rc_2pass_vbr_maxsection_pct",)),
        ("rc_2pass_vbr_corpus_complexity", c_uint),
        *((name, c_uint) for name in ("kf_mode", "kf_min_dist", "kf_max_dist")),
        ("ss_number_layers", c_uint),
        ("ss_enable_auto_alt_ref", c_int * 5),
        ("ss_target_bitrate", c_uint * 5),
        ("ts_number_layers", c_uint),
        ("ts_target_bitrate", c_uint * 5),
        ("ts_rate_decimator", c_uint * 5),
        ("ts_periodicity", c_uint),
        ("ts_layer_id", c_uint * 16),
        ("rest", c_ubyte * 2048),
    )


class VpxImage(Structure):
    """`vpx_image_t`, vpx/vpx_image.h."""

    _fields_ = (
        *((name, c_uint) for name in ("fmt", "cs", "range", "w", "h", "bit_depth", "d_w", "d_h")),
        *((name, c_uint) for name in ("r_w", "r_h", "x_chroma_shift", "y_chroma_shift")),
        ("planes", c_void_p * 4),
        ("stride", c_int * 4),
        ("bps", c_int),
        ("user_priv", c_void_p),
        ("img_data", c_void_p),
        ("img_data_owner", c_int),
        ("self_allocd", c_int),
        ("fb_priv", c_void_p),
    )


class VpxPacket(Structure):
    """The start of `vpx_codec_cx_pkt_t` for a frame; kind 0."""

    _fields_ = (
        ("kind", c_int),
        ("buf", c_void_p),
        ("sz", c_size_t),
        ("pts", c_int64),
        ("duration", c_ulong),
        ("flags", c_uint),
    )


class VpxRegions(Structure):
    """`vpx_roi_map_t`, vpx/vp8cx.h: VP8 has four segments."""

    _fields_ = (
        ("enabled", c_ubyte),
        ("roi_map", c_char_p),
        ("rows", c_uint),
        ("cols", c_uint),
        ("delta_q", c_int * 8),
        ("delta_lf", c_int * 8),
        ("skip", c_int * 8),
        ("ref_frame", c_int * 8),
        ("static_threshold", c_uint * 4),
    )


class Libvpx:
    """The functions of libvpx that encode VP8; each returns 0, or else it raises EncoderError."""

    def __init__(self, module: str = "av._core") -> None:
        found = find_spec(module)
        library = ctypes.CDLL(found.origin if found is not None else None)
        try:
            library.vpx_codec_vp8_cx.restype = c_void_p
            self._interface = library.vpx_codec_vp8_cx()
            self.control = library.vpx_codec_control_
            self.set_config = library.vpx_codec_enc_config_set
            self.encode = library.vpx_codec_encode
            self.packets = library.vpx_codec_get_cx_data
            self.destroy = library.vpx_codec_destroy
            self._default = library.vpx_codec_enc_config_default
            self._open = library.vpx_codec_enc_init_ver
        except AttributeError as error:
            raise EncoderError(f"PyAV is not linked with libvpx: {error}") from error
        self.control.argtypes = [c_void_p, c_int]  # what follows is variadic
        self.set_config.argtypes = [c_void_p, POINTER(VpxConfig)]
        self.encode.argtypes = [c_void_p, c_void_p, c_int64, c_ulong, c_long, c_ulong]
        self.packets.argtypes = [c_void_p, POINTER(c_void_p)]
        self.packets.restype = POINTER(VpxPacket)
        self.destroy.argtypes = [c_void_p]
        self._default.argtypes = [c_void_p, POINTER(VpxConfig), c_uint]
        self._open.argtypes = [c_void_p, c_void_p, POINTER(VpxConfig), c_long, c_int]

    def config(self) -> VpxConfig:
        """Return libvpx's own configuration.

        Raises:
            EncoderError: it is not laid out as expected.
        """
        config = VpxConfig()
        check(self._default(self._interface, config, 0), "vpx_codec_enc_config_default")
        found = (
            config.g_w,
            config.g_h,
            config.g_timebase_num,
            config.g_timebase_den,
            config.rc_target_bitrate,
            config.rc_min_quantizer,
            config.rc_max_quantizer,
            config.kf_max_dist,
            config.ts_number_layers,
        )
        if found != DEFAULTS:
            raise EncoderError(f"expected libvpx's defaults {DEFAULTS}, found {found}")
        return config

    def open(self, context: ctypes.Array[ctypes.c_char], config: VpxConfig) -> None:
        """Open an encoder in `context`."""
        for version in ABI_VERSIONS:
            result = self._open(context, self._interface, config, 0, version)
            if result != ABI_MISMATCH:
                check(result, "vpx_codec_enc_init")
                return
        raise EncoderError("expected libvpx with an encoder interface from 20 to 79")


@cache
def libvpx() -> Libvpx:
    return Libvpx()


def check(result: int, what: str) -> None:
    """Check the result of a function of libvpx."""
    if result != OK:
        raise EncoderError(f"{what} of libvpx failed with {result}")

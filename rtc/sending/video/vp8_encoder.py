"""VP8 in real time: three temporal layers, rates that change at once, and regions.

Of four frames, one is of the base layer, one of the middle one and two of the top one, in the
order 0, 2, 1, 2. A frame refers to lower layers only, or to its own at the base. So whatever is
lost of the upper layers does no harm later, and the base layer can be protected by itself.
"""

import ctypes
from collections.abc import Sequence
from ctypes import byref, c_int, c_void_p, string_at
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from rtc.allocation.qp_map import HIGHEST_QP
from rtc.allocation.regions import Region
from rtc.sending.stream import CLOCK, VideoEncoder
from rtc.sending.video.libvpx import CBR, I420, VpxConfig, VpxImage, VpxRegions, check, libvpx

PATTERN = (0, 2, 1, 2)
SHARES = (0.4, 0.6, 1.0)  # of the bitrate up to each layer, as libwebrtc has them
DECIMATORS = (4, 2, 1)
NO_REF_GOLDEN, NO_REF_ALT = 1 << 17, 1 << 21  # flags of a frame, vpx/vp8cx.h
NO_UPDATE_LAST, NO_UPDATE_GOLDEN, NO_UPDATE_ALT = 1 << 18, 1 << 22, 1 << 23
NO_UPDATE_ENTROPY = 1 << 20
KEYFRAME = 1
BASE = NO_REF_GOLDEN | NO_REF_ALT | NO_UPDATE_GOLDEN | NO_UPDATE_ALT
TOP = NO_REF_ALT | NO_UPDATE_LAST | NO_UPDATE_GOLDEN | NO_UPDATE_ALT | NO_UPDATE_ENTROPY
MIDDLE = NO_REF_GOLDEN | NO_REF_ALT | NO_UPDATE_LAST | NO_UPDATE_ALT | NO_UPDATE_ENTROPY
FLAGS = (BASE, TOP | NO_REF_GOLDEN, MIDDLE, TOP)  # the golden frame is the middle layer's
SET_REGIONS, SET_SPEED, SET_NOISE, SET_STATIC, SET_PARTITIONS = 8, 13, 15, 17, 18
SET_MAX_INTRA, SET_LAYER = 26, 30
SPEED = -6  # as libwebrtc on fast machines
MAX_INTRA = 450  # percent of a frame's share that a keyframe may take
REALTIME = 1  # microseconds for a frame: as fast as the speed says
BLOCK = 16  # pixels
SEGMENTS = 4
MAX_QUANTIZER = 63
INTERVAL = 3000  # ticks of 90 kHz between frames, until it is known
SMOOTHING, MAX_GAP = 0.05, 4  # of the interval: its weight, and times it that a gap counts for
CONTEXT = 256  # bytes; vpx_codec_ctx_t has 56


@dataclass(frozen=True, slots=True)
class LayeredPicture:
    """One encoded frame; `pts` is in ticks of 90 kHz.

    `sync` is a frame of an upper layer that refers to the base layer alone.
    """

    data: bytes
    pts: int
    keyframe: bool
    layer: int
    sync: bool


class Vp8Encoder(VideoEncoder):
    """Encodes frames one by one, without delay; for one thread at a time."""

    def __init__(self, *, max_bitrate: int) -> None:
        self._library = libvpx()
        super().__init__(max_bitrate)
        self._context: ctypes.Array[ctypes.c_char] | None = None
        self._config: VpxConfig | None = None
        self._interval, self._time = float(INTERVAL), 0  # by libvpx's clock, which is even
        self._place = 0  # in the pattern
        self._levels: NDArray[np.uint8] | None = None

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Free what libvpx holds; the next frame opens it again."""
        if self._context is not None:
            self._library.destroy(self._context)
        self._context = self._levels = None

    def encode(
        self, frame: av.VideoFrame, *, keyframe: bool = False, regions: Sequence[Region] = ()
    ) -> LayeredPicture | None:
        """Return the encoded frame, or None if it is not newer than the last one.

        Raises:
            EncoderError: libvpx does not take the frame.
        """
        pts = self._newer_pts(frame)
        if pts is None:
            return None
        frame = frame.reformat(format="yuv420p")
        context = self._prepare(frame.width, frame.height)
        place = 0 if keyframe or self._last_pts < 0 else self._place
        layer = PATTERN[place]
        self._control(SET_LAYER, c_int(layer))
        self._set_regions(tuple(regions), frame.width, frame.height)
        flags = KEYFRAME if keyframe else FLAGS[place]
        duration = self._even_duration(pts)
        result = self._library.encode(
            context, byref(_image(frame)), self._time, duration, flags, REALTIME
        )
        check(result, f"vpx_codec_encode of {frame.width}x{frame.height}")
        self._last_pts, self._time = pts, self._time + duration
        data, is_keyframe = self._taken()
        self._place = (1 if is_keyframe else place + 1) % len(PATTERN)
        sync = place in (1, 2) and not is_keyframe
        return LayeredPicture(data, pts, is_keyframe, 0 if is_keyframe else layer, sync)

    def _even_duration(self, pts: int) -> int:
        """Return how long a frame at `pts` is shown, on average.

        With real timestamps, libvpx takes a gap for another frame rate, at which it gives a frame
        of an upper layer many times its share.
        """
        if self._last_pts >= 0:
            gap = min(pts - self._last_pts, MAX_GAP * self._interval)
            self._interval += SMOOTHING * (gap - self._interval)
        return max(1, round(self._interval))

    def _prepare(self, width: int, height: int) -> ctypes.Array[ctypes.c_char]:
        """Return an encoder of this size at the present bitrate."""
        config = self._config
        if self._context is None or config is None or (config.g_w, config.g_h) != (width, height):
            self.close()
            config = self._config = self._configured(width, height)
            self._context = ctypes.create_string_buffer(CONTEXT)
            self._library.open(self._context, config)
            self._place = 0
            for setting, value in (
                (SET_SPEED, SPEED),
                (SET_NOISE, 0),
                (SET_STATIC, 1),
                (SET_PARTITIONS, 0),
                (SET_MAX_INTRA, MAX_INTRA),
            ):
                self._control(setting, c_int(value))
        elif config.rc_target_bitrate != self._bitrate // 1000:
            _share(config, self._bitrate)
            check(self._library.set_config(self._context, config), "vpx_codec_enc_config_set")
        return self._context

    def _configured(self, width: int, height: int) -> VpxConfig:
        config = self._library.config()
        config.g_w, config.g_h, config.g_threads = width, height, 1
        config.g_timebase_num, config.g_timebase_den = 1, CLOCK.denominator
        config.g_lag_in_frames = config.rc_dropframe_thresh = config.rc_resize_allowed = 0
        config.rc_end_usage = CBR
        config.rc_min_quantizer, config.rc_max_quantizer = 2, 60
        config.rc_undershoot_pct, config.rc_overshoot_pct = 100, 15
        config.rc_buf_sz, config.rc_buf_initial_sz, config.rc_buf_optimal_sz = 600, 300, 400
        config.kf_mode = 0  # on request only
        config.ts_number_layers, config.ts_periodicity = len(SHARES), len(PATTERN)
        config.ts_rate_decimator[: len(SHARES)] = DECIMATORS
        config.ts_layer_id[: len(PATTERN)] = PATTERN
        _share(config, self._bitrate)
        return config

    def _control(self, setting: int, value: object) -> None:
        check(self._library.control(self._context, setting, value), f"the setting {setting}")

    def _set_regions(self, regions: tuple[Region, ...], width: int, height: int) -> None:
        """Give libvpx the regions, if they have changed since the last frame."""
        levels = _levels(regions, width, height)
        before = self._levels
        if (before is None and not levels.any()) or (
            before is not None and np.array_equal(before, levels)
        ):
            return
        self._levels = levels
        offsets = np.unique(levels)
        steps = offsets[np.linspace(0, len(offsets) - 1, min(SEGMENTS, len(offsets))).astype(int)]
        chosen = np.searchsorted(steps, levels, side="right") - 1
        data = chosen.astype(np.uint8).tobytes()
        found = VpxRegions(enabled=1, roi_map=data, rows=levels.shape[0], cols=levels.shape[1])
        for index, offset in enumerate(steps.tolist()):
            found.delta_q[index] = round(offset * MAX_QUANTIZER / HIGHEST_QP)
        self._control(SET_REGIONS, byref(found))

    def _taken(self) -> tuple[bytes, bool]:
        """Return what libvpx has made, and whether it is a keyframe."""
        place, data, keyframe = c_void_p(), b"", False
        while packet := self._library.packets(self._context, byref(place)):
            if packet.contents.kind == 0:
                data += string_at(packet.contents.buf, packet.contents.sz)
                keyframe |= bool(packet.contents.flags & 1)
        return data, keyframe


def _share(config: VpxConfig, bitrate: int) -> None:
    """Set the bitrate and its shares, which libvpx takes in kbit/s."""
    config.rc_target_bitrate = bitrate // 1000
    for layer, share in enumerate(SHARES):
        config.ts_target_bitrate[layer] = max(1 + layer, int(config.rc_target_bitrate * share))


def _image(frame: av.VideoFrame) -> VpxImage:
    """Return what libvpx reads the pixels of `frame` by; they stay where they are."""
    width, height = frame.width, frame.height
    image = VpxImage(fmt=I420, w=width, h=height, d_w=width, d_h=height, bit_depth=8, bps=12)
    image.x_chroma_shift = image.y_chroma_shift = 1
    for index, plane in enumerate(frame.planes):
        image.planes[index], image.stride[index] = plane.buffer_ptr, plane.line_size
    return image


def _levels(regions: Sequence[Region], width: int, height: int) -> NDArray[np.uint8]:
    """Return the offset of each block, (rows, columns); of regions that overlap the first applies.

    A block belongs to a region that its middle lies in.
    """
    levels = np.zeros((-(-height // BLOCK), -(-width // BLOCK)), np.uint8)
    down = (np.arange(levels.shape[0]) + 0.5) * BLOCK / height
    across = (np.arange(levels.shape[1]) + 0.5) * BLOCK / width
    for region in reversed(regions):
        box = region.box
        rows, columns = (
            (box.top <= down) & (down < box.bottom),
            (box.left <= across) & (across < box.right),
        )
        levels[np.ix_(rows, columns)] = region.offset
    return levels

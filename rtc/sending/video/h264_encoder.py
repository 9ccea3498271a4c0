"""H.264 in real time: any part of a frame at a quality of its own, and rates that change at once.

x264, with what its use here needs: VBV, because without it a new bitrate has no effect on an open
encoder; a constant bitrate, so that the new rate is reached within a second; aq-mode 1, without
which x264 ignores regions. Keyframes come on request only, or if the size of the picture changes.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.frame import PictureType

from rtc.allocation.qp_map import HIGHEST_QP
from rtc.allocation.regions import Region
from rtc.errors import EncoderError
from rtc.sending.stream import CLOCK, VideoEncoder

PROFILE = "Constrained Baseline"  # what every WebRTC client decodes, RFC 7742 section 6.2
BUFFER = 0.25  # seconds at the highest bitrate that a frame may be larger than its share
MAX_BUFFER = 200_000  # bits: a keyframe may not take much longer than other frames at low rates
GRAPHS = 4  # filter graphs that are kept: building one takes a millisecond


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One frame as an Annex B bitstream; `pts` is in ticks of 90 kHz."""

    data: bytes
    pts: int
    keyframe: bool


class X264Encoder(VideoEncoder):
    """Encodes frames one by one, without delay; for one thread at a time.

    `max_bitrate` is the highest that is ever asked for, `frame_rate` the usual one, by which a
    frame's share of the bitrate is guessed before the first timestamps.
    """

    def __init__(
        self, *, max_bitrate: int, frame_rate: float = 30.0, preset: str = "veryfast"
    ) -> None:
        super().__init__(max_bitrate)
        self._frame_rate = Fraction(frame_rate).limit_denominator(1000)
        self._preset = preset
        self._codec: av.VideoCodecContext | None = None
        self._graphs: OrderedDict[object, av.filter.Graph] = OrderedDict()

    def encode(
        self, frame: av.VideoFrame, *, keyframe: bool = False, regions: Sequence[Region] = ()
    ) -> EncodedPicture | None:
        """Return the encoded frame, or None if it is not newer than the last one.

        The width and height of `frame` are even. Its timestamp may be changed to 90 kHz.

        Raises:
            EncoderError: x264 does not take the frame.
        """
        pts = self._newer_pts(frame)
        if pts is None:
            return None
        try:
            if self._codec is None or (frame.width, frame.height) != (
                self._codec.width,
                self._codec.height,
            ):
                self._codec = self._open(frame.width, frame.height)
            picture = self._marked(frame.reformat(format="yuv420p"), tuple(regions))
            picture.pts, picture.time_base = pts, CLOCK
            picture.pict_type = PictureType.I if keyframe else PictureType.NONE
            self._codec.bit_rate = self._bitrate
            packets = self._codec.encode(picture)
        except (av.FFmpegError, ValueError) as error:
            raise EncoderError(f"a frame of {frame.width}x{frame.height}: {error}") from error
        self._last_pts = pts
        data = b"".join(bytes(packet) for packet in packets)
        return EncodedPicture(data, pts, any(packet.is_keyframe for packet in packets))

    def _open(self, width: int, height: int) -> av.VideoCodecContext:
        codec = av.CodecContext.create("libx264", "w")
        assert isinstance(codec, av.VideoCodecContext)
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.framerate, codec.time_base = self._frame_rate, CLOCK
        codec.bit_rate = self._max_bitrate  # as maxrate: this is what makes it constant
        buffer = min(round(self._max_bitrate * BUFFER), MAX_BUFFER)
        codec.options = {
            "preset": self._preset,
            "tune": "zerolatency",
            "aq-mode": "1",
            "maxrate": str(self._max_bitrate),
            "bufsize": str(buffer),
            "x264-params": "keyint=infinite:scenecut=0:threads=1",
        }
        codec.profile = PROFILE
        codec.open()
        return codec

    def _marked(self, frame: av.VideoFrame, regions: tuple[Region, ...]) -> av.VideoFrame:
        """Return `frame` with its regions, which FFmpeg's `addroi` filters add."""
        if not regions:
            return frame
        key = (frame.width, frame.height, regions)
        graph = self._graphs.pop(key, None) or _region_graph(frame, regions)
        self._graphs[key] = graph
        while len(self._graphs) > GRAPHS:
            self._graphs.popitem(last=False)
        graph.push(frame)
        marked = graph.pull()
        assert isinstance(marked, av.VideoFrame)
        return marked


def _region_graph(frame: av.VideoFrame, regions: Sequence[Region]) -> av.filter.Graph:
    graph = av.filter.Graph()
    last = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=CLOCK
    )
    for region in regions:
        box = region.box
        left, right = round(box.left * frame.width), round(box.right * frame.width)
        top, bottom = round(box.top * frame.height), round(box.bottom * frame.height)
        place = f"x={left}:y={top}:w={right - left}:h={bottom - top}"
        marker = graph.add("addroi", f"{place}:qoffset={region.offset / HIGHEST_QP:.4f}")
        last.link_to(marker)
        last = marker
    last.link_to(graph.add("buffersink"))
    graph.configure()
    return graph

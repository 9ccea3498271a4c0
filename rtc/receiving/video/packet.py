"""What a packet of video is to the buffer, whatever its codec."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameInfo:
    """What one packet says about its frame.

    A `keyframe` refers to no other frame, and to a `discardable` one no other refers. `picture` is
    the picture identifier modulo `pictures`. `layer` is the temporal layer, and `base` the index
    modulo 256 of the newest frame of layer 0; with `sync` a frame refers to that one only. These
    are VP8's (RFC 7741, section 4.2), None if the packet does not have them. `number` modulo
    `numbers` is frame_num of H.264: one more than that of the frame of reference before it.
    """

    keyframe: bool = False
    discardable: bool = False
    picture: int | None = None
    pictures: int = 1 << 15
    layer: int | None = None
    base: int | None = None
    sync: bool = False
    number: int | None = None
    numbers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoPacket:
    """One packet; `sequence` and `timestamp` do not wrap.

    `data` is for the decoder; a packet without it is padding, and belongs to no frame, unless it is
    `malformed`, which spoils its frame. `starts` says whether a frame begins here, None if that
    depends on the packet before; `ends`, that this is the last packet of its frame; `shows`, that
    there is a part of a picture in it.
    `orientation` is the number of clockwise quarter turns that make the picture upright.
    """

    sequence: int
    timestamp: int
    data: bytes
    starts: bool | None
    ends: bool
    info: FrameInfo
    shows: bool = True
    malformed: bool = False
    orientation: int | None = None

    @property
    def is_padding(self) -> bool:
        return not self.data and not self.malformed


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedFrame:
    """A complete frame, of the packets from `first` to `last`.

    With `follows`, no frame was lost between it and the one released before it.
    """

    first: int
    last: int
    timestamp: int
    data: bytes
    info: FrameInfo
    shows: bool
    malformed: bool
    orientation: int | None
    follows: bool = False

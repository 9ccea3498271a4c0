"""Which frames can be decoded: those whose references were decoded.

A frame that may refer to a lost one counts as one that does. How far a lost frame reaches, its
neighbours tell: by temporal layers and identifiers of pictures in VP8, by frame_num in H.264, and
by nothing but the order of packets otherwise.
"""

from collections import OrderedDict

from rtc.receiving.video.packet import CodedFrame, FrameInfo

BASES = 256  # values of the index of layer 0: RFC 7741, section 4.2
REMEMBERED = 64  # pictures; references of live video are closer


class References:
    """What was decoded of one stream; `ready` says of a frame whether it can be."""

    def __init__(self) -> None:
        self._last: FrameInfo | None = None  # of the last decoded frame
        self._base: FrameInfo | None = None  # of the last decoded one of layer 0
        self._number: int | None = None  # frame_num of the last decoded one of reference
        self._end = 0  # the last packet of the last decoded frame
        self._seen: OrderedDict[int, FrameInfo] = OrderedDict()  # pictures of which something came
        self._decoded: OrderedDict[int, None] = OrderedDict()  # pictures

    def note(self, info: FrameInfo) -> None:
        """Take what a packet says about its frame, whether or not that will be decoded."""
        if info.picture is not None:
            self._seen[info.picture] = info
            self._seen.move_to_end(info.picture)
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)

    def ready(self, frame: CodedFrame, *, contiguous: bool) -> bool:
        """Return whether all references of a complete `frame` were decoded.

        With `contiguous`, no frame of reference lies between it and the last decoded one.
        """
        info = frame.info
        if frame.malformed:
            return False
        if info.keyframe:
            return True
        if self._last is None:
            return False
        if info.layer is not None:
            return self._layered_ready(info)
        if contiguous:
            return True
        if info.number is not None:
            # As many packets may hold as many frames, after which frame_num is the same again.
            near = frame.first - self._end <= info.numbers
            following = self._number is not None and (self._number + 1) % info.numbers
            return near and info.number == following
        return self._may_follow(self._last, info, discardable_layers=False)

    def decoded(self, frame: CodedFrame) -> None:
        """Note that `frame` goes to the decoder."""
        info = frame.info
        if info.keyframe:
            self._decoded.clear()
        if info.keyframe or info.layer == 0:
            self._base = info
        if info.number is not None and not info.discardable:
            self._number = info.number
        if info.picture is not None:
            self._decoded[info.picture] = None
            if len(self._decoded) > REMEMBERED:
                self._decoded.popitem(last=False)
        self._last, self._end = info, frame.last

    def lose(self) -> None:
        """Note that nothing can be decoded but a keyframe."""
        self._last = self._base = self._number = None

    def _layered_ready(self, info: FrameInfo) -> bool:
        base = self._base
        if base is None or base.base is None or info.base is None:
            return False
        if info.layer == 0:
            return info.base == (base.base + 1) % BASES
        if info.base != base.base:
            return False
        return info.sync or self._may_follow(base, info, discardable_layers=True)

    def _may_follow(self, start: FrameInfo, info: FrameInfo, *, discardable_layers: bool) -> bool:
        """Return whether every picture that `info` may refer to after `start` was decoded."""
        if start.picture is None or info.picture is None:
            return False
        between = (info.picture - start.picture) % info.pictures - 1
        if not 0 <= between < REMEMBERED:
            return False
        for index in range(between):
            picture = (start.picture + 1 + index) % info.pictures
            if picture in self._decoded:
                continue
            seen = self._seen.get(picture)
            if seen is None:
                return False
            above = discardable_layers and (seen.layer or 0) > (info.layer or 0)
            if not (seen.discardable or above):
                return False
        return True

"""Parts of a frame, in fractions of its width and height, so that any size of it has them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a frame; all four are fractions in [0, 1], from the left and from the top.

    Raises:
        ValueError: it is empty, or lies outside of the frame.
    """

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            raise ValueError(f"expected a part of the frame, got {self}")


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a frame and what an encoder adds to the quantizer (QP) in it, from 0 to 25.

    Of regions that overlap, the first applies: so FFmpeg reads `AV_FRAME_DATA_REGIONS_OF_INTEREST`.
    """

    box: Box
    offset: int

"""The size of images and frames: how large they may be, and what they are scaled to."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeLimits:
    """The maximum pixels along the longer and the shorter side of an image.

    Raises:
        ValueError: a side below 16, or `longer` less than `shorter`.
    """

    longer: int = 1280
    shorter: int = 720

    def __post_init__(self) -> None:
        if not 16 <= self.shorter <= self.longer:
            raise ValueError(
                f"expected 16 <= shorter <= longer, got {self.shorter} and {self.longer}"
            )


def fit(width: int, height: int, limits: SizeLimits | None) -> tuple[int, int]:
    """Return the largest (width, height) of the same shape within `limits`; never enlarges."""
    if limits is None:
        return width, height
    scale = min(
        Fraction(1),
        Fraction(limits.longer, max(width, height)),
        Fraction(limits.shorter, min(width, height)),
    )
    return max(1, round(width * scale)), max(1, round(height * scale))

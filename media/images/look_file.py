"""What to make of a user's picture as a look of video generation, and what became of it."""

from dataclasses import dataclass, field

from models.generation.own_look import CutBy, LookRole

LOOK, BACKGROUND, WHOLE, MIRRORED = 1, 2, 4, 8  # bits of a plan in one byte


@dataclass(frozen=True, slots=True, kw_only=True)
class LookPlan:
    """What to make of a picture: a thing or a background; all of it, or what is cut out of it.

    A `mirrored` thing looks right in the picture: looks look left.
    """

    role: LookRole = "thing"
    whole: bool = False
    mirrored: bool = False

    @property
    def packed(self) -> int:
        """Return the plan as a byte, never 0."""
        parts = {BACKGROUND: self.role == "background", WHOLE: self.whole, MIRRORED: self.mirrored}
        return LOOK + sum(bit for bit, said in parts.items() if said)

    @classmethod
    def unpacked(cls, byte: int) -> "LookPlan":
        role: LookRole = "background" if byte & BACKGROUND else "thing"
        return cls(role=role, whole=bool(byte & WHOLE), mirrored=bool(byte & MIRRORED))


@dataclass(frozen=True, slots=True)
class LookFile:
    """A look as a small WebP file, and what it was cut by."""

    file: bytes = field(repr=False)
    by: CutBy

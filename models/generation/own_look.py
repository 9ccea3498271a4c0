"""A picture of the user's own, which is drawn where a prompt says its name."""

from dataclasses import dataclass, field
from typing import Literal, get_args

LookRole = Literal["thing", "background"]
CutBy = Literal["alpha", "border", "whole"]  # what it was cut out by
CUTS: tuple[CutBy, ...] = get_args(CutBy)


@dataclass(frozen=True, slots=True)
class OwnLook:
    """A look under a `name` as prompts are read: in lower case, without an article.

    `file` is a small WebP picture, of a thing with alpha. A `directed` thing looks left in it.
    """

    name: str
    file: bytes = field(repr=False)
    role: LookRole = "thing"
    directed: bool = False


OwnLooks = tuple[OwnLook, ...]

"""Pictures of the user's own for `eyeline generate`: `--look mug=mug.png`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from media.errors import UnreadableMediaError
from media.images.formats import ImageLimits
from media.images.look_cutting import read_look
from media.images.look_file import LookPlan
from models.generation.own_look import CutBy, LookRole, OwnLook, OwnLooks
from models.generation.small.prompts.own_names import own_name, replaced_kind
from models.generation.small.prompts.vocabulary import Vocabulary
from web.errors import UsageError

CUT: dict[CutBy, str] = {
    "alpha": "what is opaque is drawn",
    "border": "its plain background was cut away",
    "whole": "the whole picture is drawn",
}


@dataclass(frozen=True, slots=True)
class OwnPicture:
    """A picture that was read: its name as the user wrote it, and what it was cut by."""

    name: str
    role: LookRole
    file: bytes = field(repr=False)
    by: CutBy


def read_looks(
    things: Sequence[str], backgrounds: Sequence[str], *, whole: bool
) -> tuple[OwnPicture, ...]:
    """Return the pictures of options, each NAME=FILE.

    Raises:
        UsageError: an option is not of that form, or its file is no readable picture.
    """
    return (
        *(_read("--look", each, LookPlan(whole=whole)) for each in things),
        *(_read("--background", each, LookPlan(role="background")) for each in backgrounds),
    )


def own_looks(pictures: Sequence[OwnPicture], vocabulary: Vocabulary) -> OwnLooks:
    """Return `pictures` under the names that prompts say.

    Raises:
        UsageError: a name is none, or two pictures have the same.
    """
    looks: dict[str, OwnLook] = {}
    for each in pictures:
        try:
            name = own_name(each.name, vocabulary)
        except ValueError as error:
            raise UsageError(str(error)) from error
        if name in looks:
            raise UsageError(f'two pictures are called "{name}"')
        looks[name] = OwnLook(name, each.file, each.role)
    return tuple(looks.values())


def picture_notices(pictures: Sequence[OwnPicture], vocabulary: Vocabulary) -> list[str]:
    """Return what became of each picture."""
    found = []
    for each, look in zip(pictures, own_looks(pictures, vocabulary), strict=True):
        replaced = replaced_kind(look.name, vocabulary)
        place = f", in place of the model's own {replaced}" if replaced else ""
        found.append(f'picture "{look.name}": {CUT[each.by]}{place}')
    return found


def _read(option: str, text: str, plan: LookPlan) -> OwnPicture:
    name, equals, file = text.partition("=")
    if not (name and equals and file):
        raise UsageError(f"{option}: expected NAME=PICTURE, as in mug=mug.png, got {text!r}")
    try:
        look = read_look(Path(file).read_bytes(), plan, ImageLimits().pixels)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    except UnreadableMediaError as error:
        raise UsageError(f"{file}: {error}") from error
    return OwnPicture(name, plan.role, look.file, look.by)

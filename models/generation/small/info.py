"""What a small model was trained on: its size, names, attributes, reach, in its file's metadata."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import WeightsError
from models.generation.context import Reach
from models.generation.small.prompts.vocabulary import Vocabulary
from models.generation.small.weight_files import LOAD_ERRORS, read_config, reason

ATTRIBUTES = ("colors", "sizes", "colored", "mark")  # of things, in the metadata


@dataclass(frozen=True, slots=True)
class SmallVideoInfo:
    """What a model was trained on: pixels of a side, names of things and backgrounds, reach.

    Its prompts may also name `colors`, of the kinds in `colored` (None: of all), and `sizes`;
    `mark` follows the name of each thing in the captions of training.
    """

    size: int
    things: tuple[str, ...]
    backgrounds: tuple[str, ...]
    reach: Reach
    colors: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    colored: tuple[str, ...] | None = None
    mark: str = ""

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary.from_names(
            self.things,
            self.backgrounds,
            colors=self.colors,
            sizes=self.sizes,
            colored=self.colored,
            mark=self.mark,
        )


def read_info(file: Path) -> SmallVideoInfo:
    """Return what the model in `file` was trained on, without its weights.

    Raises:
        WeightsError: the file is missing, damaged, or of another kind.
    """
    metadata = read_config(file)
    given: dict[str, Any] = {
        name: tuple(own) if isinstance(own, list) else own
        for name in ATTRIBUTES
        if (own := metadata.get(name)) is not None
    }
    try:
        return SmallVideoInfo(
            metadata["size"],
            tuple(metadata["things"]),
            tuple(metadata["backgrounds"]),
            Reach(**metadata["reach"]),
            **given,
        )
    except LOAD_ERRORS as error:
        raise WeightsError(f"{file}: not a model that draws ({reason(error)})") from error

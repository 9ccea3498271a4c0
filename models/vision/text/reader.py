"""Reads the text in a picture, in steps, so that others may run in between."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.vision.text.detection import TextBox, TextDetector
from models.vision.text.networks import OnnxNetwork
from models.vision.text.reading_order import TextBlock, TextLine, in_reading_order
from models.vision.text.recognition import TextRecognizer, along_writing, cut_line
from models.vision.text.regions import sides

WEIGHTS = "pp-ocrv6"  # in models.weights.fetch
DETECTION, RECOGNITION = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"
TURN_BELOW = 0.75  # score of a line that may be upside down: it is read that way, too
# Scores from which one and two characters are legible: what is no text is often read as that many.
SIZES = 2  # of letters that are told apart, between one height and twice that
SHORT = {1: 0.97, 2: 0.88}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderConfig:
    """What one reading may cost, and what counts.

    Text is searched in a picture of at most `side` pixels along the longer side. Of the lines found
    the `max_lines` with the largest letters are read. A line with a score below `min_score` is not
    legible.
    """

    side: int = 960
    max_lines: int = 24
    min_score: float = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class TextReading:
    """The legible text in reading order.

    `unread` counts further lines that were found, of which `skipped` were not looked at.
    """

    blocks: tuple[TextBlock, ...] = ()
    unread: int = 0
    skipped: int = 0

    @property
    def lines(self) -> tuple[TextLine, ...]:
        return tuple(line for block in self.blocks for line in block.lines)


class TextReader:
    """Reads pictures; one instance serves every session, on one thread at a time."""

    def __init__(
        self, detector: TextDetector, recognizer: TextRecognizer, config: ReaderConfig | None = None
    ) -> None:
        self._detector = detector
        self._recognizer = recognizer
        self.config = config or ReaderConfig()

    def read(self, pixels: NDArray[np.uint8]) -> TextReading:
        """Return the text of a picture, uint8 (height, width, 3) RGB.

        Raises:
            EngineError: a network failed.
        """
        *_, reading = self.steps(pixels)
        assert reading is not None
        return reading

    def steps(
        self, pixels: NDArray[np.uint8], max_lines: int | None = None
    ) -> Iterator[TextReading | None]:
        """Yield None after the search and after each line, and the reading at the end.

        At most `max_lines` are read if that is given.

        Raises:
            EngineError: a network failed.
        """
        found = largest_first(self._detector.detect(pixels))
        yield None
        legible: list[TextLine] = []
        chosen = found[: max_lines or self.config.max_lines]
        for box in chosen:
            line = self._read_line(pixels, box)
            if line.text and line.score >= SHORT.get(len(line.text), self.config.min_score):
                legible.append(line)
            yield None
        yield TextReading(
            tuple(in_reading_order(legible)), len(found) - len(legible), len(found) - len(chosen)
        )

    def _read_line(self, pixels: NDArray[np.uint8], box: TextBox) -> TextLine:
        corners = along_writing(box.corners)
        cut = cut_line(pixels, corners)
        said = self._recognizer.recognize(cut)
        if said.score < TURN_BELOW:
            turned = self._recognizer.recognize(np.ascontiguousarray(cut[::-1, ::-1]))
            if turned.score > said.score:
                said, corners = turned, np.roll(corners, 2, axis=0)
        return TextLine(" ".join(said.text.split()), said.score, corners)


def largest_first(boxes: Sequence[TextBox]) -> list[TextBox]:
    """Return `boxes` by the height of their letters; those of about the same height from the top.

    So of a page with too many lines the beginning is read, not lines here and there.
    """

    def place(box: TextBox) -> tuple[int, float]:
        return -round(SIZES * math.log2(max(min(sides(box.corners)), 1.0))), box.corners[:, 1].min()

    return sorted(boxes, key=place)


def load(folder: Path, config: ReaderConfig | None = None) -> TextReader:
    """Return the reader with the packaged networks in `folder`.

    Raises:
        WeightsError: a file is missing or damaged.
    """
    config, threads = config or ReaderConfig(), torch.get_num_threads()
    home = folder / WEIGHTS
    return TextReader(
        TextDetector(OnnxNetwork(home / DETECTION, threads=threads), side=config.side),
        TextRecognizer(OnnxNetwork(home / RECOGNITION, threads=threads)),
        config,
    )

"""An assistant that sees nothing, for sessions that are only heard."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.assistant.interface import AssistantAnswer, Exchange, FrameAnalysis, Moment


class BlindAssistant:
    """Needs no weights, keeps no memory, and answers nothing."""

    stand_in = False
    about = "nothing is seen: only captions are made"

    def init_state(self, folder: Path | None, *, durable: bool = False) -> None:
        """Return no state; nothing is written to `folder`."""

    def analyze_frame(
        self, state: None, pixels: NDArray[np.uint8], time: float
    ) -> tuple[None, FrameAnalysis]:
        return None, FrameAnalysis()

    def note_request(
        self, state: None, text: str, time: float
    ) -> tuple[None, AssistantAnswer | None]:
        return None, None

    def standing_requests(self, state: None) -> tuple[str, ...]:
        return ()

    def answer(
        self, state: None, text: str, time: float, conversation: Sequence[Exchange] = ()
    ) -> AssistantAnswer:
        return AssistantAnswer(iter(()))

    def recall(
        self, state: None, text: str, until: float, *, since: float = 0.0, count: int
    ) -> tuple[Moment, ...]:
        return ()

    def seen_until(self, state: None) -> float:
        return -1.0

    def close(self, state: None) -> None:
        """Do nothing."""

"""An assistant without weights: it remembers brightnesses, and repeats the question."""

from collections.abc import Sequence
from pathlib import Path

from media.pipeline.interfaces import Pixels
from models.assistant.interface import (
    AssistantAnswer,
    Exchange,
    FrameAnalysis,
    MetRequest,
    Moment,
    StorageProblem,
)

MARK = "[scripted assistant]"
REQUEST = "tell me when "


class ScriptedAssistant:
    """Remembers the brightness of each picture; the state is a list of moments.

    `tell me when N` stands until a picture of brightness N comes. `full` is how many pictures
    there is room for.
    """

    stand_in = True
    about = "answers come from a stand-in: no video model is loaded"

    def __init__(self, *, full: int = 1000) -> None:
        self._full = full

    def init_state(
        self, folder: Path | None, *, durable: bool = False
    ) -> tuple[list[Moment], list[str]]:
        del folder, durable
        return [], []

    def analyze_frame(
        self, state: tuple[list[Moment], list[str]], pixels: Pixels, time: float
    ) -> tuple[tuple[list[Moment], list[str]], FrameAnalysis]:
        kept, requests = state
        if len(kept) >= self._full:
            problem = StorageProblem(forgotten=True, reason="no room")
            return state, FrameAnalysis(problem=problem)
        brightness = 20 * round(float(pixels.mean()) / 20)  # a codec changes it a little
        moment = Moment(len(kept), time, f"brightness {brightness}")
        kept.append(moment)
        met = [r for r in requests if r.endswith(f" {brightness}")]
        requests[:] = [r for r in requests if r not in met]
        noticed = tuple(MetRequest(r, f"Here is {moment.text}.", moment) for r in met)
        return state, FrameAnalysis((moment,), noticed)

    def note_request(
        self, state: tuple[list[Moment], list[str]], text: str, time: float
    ) -> tuple[tuple[list[Moment], list[str]], AssistantAnswer | None]:
        del time
        if not text.startswith(REQUEST):
            return state, None
        state[1].append(text)
        return state, AssistantAnswer(iter(["I will."]))

    def standing_requests(self, state: tuple[list[Moment], list[str]]) -> tuple[str, ...]:
        return tuple(state[1])

    def answer(
        self,
        state: tuple[list[Moment], list[str]],
        text: str,
        time: float,
        conversation: Sequence[Exchange] = (),
    ) -> AssistantAnswer:
        """Return the question, word by word, and how many pictures there are to look at."""
        seen = tuple(moment for moment in state[0] if moment.time <= time)
        words = [MARK, " You asked:", *(f" {word}" for word in text.split())]
        if seen:
            words.append(f" ({len(seen)} seen, {seen[0].time:.0f} to {seen[-1].time:.0f} s)")
        else:
            words.append(" (nothing was seen)")
        return AssistantAnswer(iter(words), seen[-3:])

    def recall(
        self,
        state: tuple[list[Moment], list[str]],
        text: str,
        until: float,
        *,
        since: float = 0.0,
        count: int,
    ) -> tuple[Moment, ...]:
        """Return the newest moments, whatever `text` is."""
        del text
        seen = [moment for moment in state[0] if since <= moment.time <= until]
        return tuple(seen[-count:])

    def seen_until(self, state: tuple[list[Moment], list[str]]) -> float:
        return state[0][-1].time if state[0] else -1.0

    def close(self, state: tuple[list[Moment], list[str]]) -> None:
        del state

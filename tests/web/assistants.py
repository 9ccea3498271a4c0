"""Assistants for tests of answers: one keeps its memory, one answers until it is stopped."""

import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from models.assistant.interface import AssistantAnswer, Exchange, Moment
from models.errors import StoreError, StoreInUseError
from tests.media.pipeline.scripted_assistant import ScriptedAssistant

PROMPT_TOKENS = 12  # tokens that the model is said to read


class KeepingAssistant(ScriptedAssistant):
    """Keeps what it saw in its folder, which one state at a time may use."""

    def __init__(self) -> None:
        super().__init__()
        self._folders: dict[int, tuple[Path, int]] = {}  # and how many moments are in it
        self.used: set[Path] = set()

    def init_state(
        self, folder: Path | None, *, durable: bool = False
    ) -> tuple[list[Moment], list[str]]:
        del durable
        state: tuple[list[Moment], list[str]] = ([], [])
        if folder is None:
            return state
        if folder in self.used:
            raise StoreInUseError(f"{folder.name} is in use")
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "seen.json").exists():
            try:
                seen = json.loads((folder / "seen.json").read_text())
            except ValueError as error:
                raise StoreError(f"{folder.name} is damaged") from error
            state[0].extend(Moment(*each) for each in seen)
        self.used.add(folder)
        self._folders[id(state)] = folder, len(state[0])
        return state

    def answer(
        self,
        state: tuple[list[Moment], list[str]],
        text: str,
        time: float,
        conversation: Sequence[Exchange] = (),
    ) -> AssistantAnswer:
        reply = super().answer(state, text, time, conversation)
        return AssistantAnswer(reply.pieces, reply.moments, PROMPT_TOKENS)

    def close(self, state: tuple[list[Moment], list[str]]) -> None:
        folder, written = self._folders.pop(id(state), (None, 0))
        if folder is not None:
            self.used.discard(folder)
            if len(state[0]) > written or not written:
                kept = [[s.number, s.time, s.text] for s in state[0]]
                (folder / "seen.json").write_text(json.dumps(kept))


class ThinkingAssistant(ScriptedAssistant):
    """Thinks until `enough`, a word at a time; `started` counts its answers."""

    def __init__(self) -> None:
        super().__init__()
        self.enough = threading.Event()
        self.started = threading.Semaphore(0)

    def answer(
        self, state: Any, text: str, time: float, conversation: Sequence[Exchange] = ()
    ) -> AssistantAnswer:
        del state, time

        def pieces() -> Iterator[str]:
            self.started.release()
            yield f" {text}"
            while not self.enough.wait(0.005):
                yield " hm"

        return AssistantAnswer(pieces(), (), PROMPT_TOKENS)

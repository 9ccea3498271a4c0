"""Which backend runs the networks, and why."""

from dataclasses import dataclass
from typing import Literal

Backend = Literal["torch", "onnxruntime"]

NAMES: dict[Backend, str] = {"torch": "PyTorch", "onnxruntime": "ONNX Runtime"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A backend, and a clause that says why it was chosen."""

    backend: Backend
    why: str

    @property
    def name(self) -> str:
        """Its name for people."""
        return NAMES[self.backend]

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


def choose(wish: Backend | Literal["auto"]) -> Choice:
    """Return the backend that `wish` names, or the best one that runs here."""
    if wish == "auto":
        return Choice(backend="onnxruntime", why="the quickest on a CPU")
    return Choice(backend=wish, why="as EYELINE_BACKEND says")

"""Models that fail when a test says so."""

from collections.abc import Callable
from typing import Any


class Failing:
    """`model`, whose method `name` calls `fail` at its call number `at`, and before it runs.

    `calls` counts the calls of that method.
    """

    def __init__(
        self, model: object, name: str, fail: Callable[[], object], *, at: int = 1
    ) -> None:
        self.calls = 0
        self._model = model
        self._name = name
        self._fail = fail
        self._at = at

    def __getattr__(self, name: str) -> Any:  # as the model has it
        found = getattr(self._model, name)
        return self._counted(found) if name == self._name else found

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls == self._at:
                self._fail()
            return method(*arguments, **options)

        return call


def raising(error: BaseException) -> Callable[[], object]:
    """Return a function that raises `error`."""

    def fail() -> object:
        raise error

    return fail

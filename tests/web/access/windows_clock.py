"""A clock that tests move, for the windows of the package `limits`."""

from types import SimpleNamespace

import pytest


class WindowsClock:
    """Unix time for windows: starts at one of their borders."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 86_400.0 * 20_000
        time = SimpleNamespace(time=lambda: self.now)
        monkeypatch.setattr("limits.storage.memory.time", time)
        day = SimpleNamespace(timestamp=lambda: self.now)
        monkeypatch.setattr("web.access.keys.used_amounts.wall_clock", lambda: day)

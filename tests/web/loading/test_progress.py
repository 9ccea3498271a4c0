"""What a user sees of long work, on a terminal and elsewhere."""

import io
import sys

import pytest

from web.loading.progress import ProgressBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, bar_total: float) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with ProgressBar(bar_total) as bar:
        for done in range(0, int(bar_total) + 1, int(bar_total) // 40):
            bar.update(done)
    return stream.getvalue()


def test_a_terminal_has_a_bar_that_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, Terminal(), 40.0)
    assert text.count("\r") == 41
    assert text.endswith("100% 40 of 40 s\n")


def test_elsewhere_long_work_has_a_line_for_each_tenth_and_short_work_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = shown(monkeypatch, io.StringIO(), 4 * 3600).splitlines()
    assert lines[0] == "10 %: 1440 of 14400 s"
    assert lines[-1] == "100 %: 14400 of 14400 s"
    assert len(lines) == 10
    assert shown(monkeypatch, io.StringIO(), 40.0) == ""


def test_a_hidden_bar_leaves_a_terminal_to_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    bar = ProgressBar(40.0, hidden=True)
    bar.update(20.0)
    bar.close()
    assert isinstance(sys.stderr, Terminal)
    assert sys.stderr.getvalue() == ""

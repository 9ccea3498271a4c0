import sys

import pytest

from tests.bench.gpu import main


@pytest.mark.slow
def test_the_gpu_bench_runs_with_tiny_shapes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu", "--tiny", "--device", "cpu"])
    main()
    printed = capsys.readouterr().out
    assert printed.count("streams in real time") == 2
    assert printed.count("frames/s into the memory") == 2

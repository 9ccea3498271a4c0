from pathlib import Path

import pytest

from tests.bench.gpu import main


@pytest.mark.slow
def test_the_gpu_bench_runs_with_tiny_shapes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its processes print and write each line."""
    out = tmp_path / "gpu.txt"
    assert main(["--tiny", "--device", "cpu", "--out", str(out)]) == 0
    written = out.read_text()
    assert written.count("streams in real time") == 2
    assert written.count("frames/s into the memory") == 2
    assert written.count("PASS") == 10
    assert "0 checks failed" in written
    assert set(written.splitlines()) <= set(capfd.readouterr().out.splitlines())


def test_a_section_that_is_cut_off_is_a_failure_and_the_next_one_is_tried(tmp_path: Path) -> None:
    out = tmp_path / "gpu.txt"
    assert main(["--tiny", "--device", "cpu", "--out", str(out), "--minutes", "0"]) == 1
    lines = out.read_text().splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "FAIL  networks",
        "FAIL  whisper",
        "FAIL  video-tiny",
    ]

from pathlib import Path

import pytest

from tests.bench.gpu import main


@pytest.mark.slow
@pytest.mark.parametrize(
    ("section", "line", "count"),
    [
        ("networks", "PASS  ancat-joiner", 5),
        ("whisper", "streams in real time", 2),
        ("video-tiny", "frames/s into the memory", 2),
        ("drawing-wan2.1", "eager   :", 6),
        ("drawing-wan2.2", "eager   :", 1),
    ],
)
def test_each_section_of_the_gpu_bench_writes_its_lines_with_tiny_shapes(
    section: str, line: str, count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "gpu.txt"
    assert main(["--tiny", "--device", "cpu", "--out", str(out), "--section", section]) == 0
    assert out.read_text().count(line) == count
    assert capsys.readouterr().out == out.read_text()


@pytest.mark.slow
def test_a_section_that_is_cut_off_is_a_failure_and_the_next_one_is_tried(tmp_path: Path) -> None:
    out = tmp_path / "gpu.txt"
    assert main(["--tiny", "--device", "cpu", "--out", str(out), "--minutes", "0"]) == 1
    lines = out.read_text().splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "FAIL  networks",
        "FAIL  whisper",
        "FAIL  video-tiny",
        "FAIL  drawing-wan2.1",
        "FAIL  drawing-wan2.2",
    ]

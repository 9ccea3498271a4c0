"""Memory that engines do not use now is returned, and what they compute stays the same."""

import mmap
import re
import sys
from pathlib import Path

import pytest
import torch

from models.engine import TorchEngine
from tests.trt_engines.tiny_network import TinyAttention
from trt_engines.backends.idle_memory import (
    MAPPING,
    _mappings,
    _unwritten,
    drop_file_pages,
    release_idle_memory,
)
from trt_engines.backends.onnx_runtime import OrtEngine, pack
from trt_engines.export import example_inputs, export

linux = pytest.mark.skipif(sys.platform != "linux", reason="mappings are told by Linux alone")
SIZE = 1 << 20


def resident(file: Path) -> int:
    """Return how many kB of the mappings of `file` are in memory."""
    _, _, lines = Path("/proc/self/smaps").read_text().partition(f" {file}\n")
    return int(lines.partition("Rss:")[2].split()[0])


def mappings() -> list[re.Match[str]]:
    return [match for each in _mappings() if (match := MAPPING.match(each)) is not None]


@linux
def test_pages_of_files_that_were_read_are_given_up_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(bytes(range(256)) * (SIZE // 256))
    with file.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
    assert sum(mapped[:: mmap.PAGESIZE]) == 0
    assert drop_file_pages() >= SIZE
    assert resident(file) == 0
    assert mapped[:] == file.read_bytes()


@linux
def test_pages_that_were_written_to_stay(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(bytes(SIZE))
    with file.open("r+b") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, flags=mmap.MAP_PRIVATE)
    mapped[5] = 7
    drop_file_pages()
    assert mapped[5] == 7


@linux
def test_variables_of_libraries_stay() -> None:
    """They are read now and written a moment later, by any thread."""
    programs = {each["path"] for each in mappings() if "x" in each["rights"]}
    given_up = {start for start, _, _ in _unwritten()}
    variables = [m for m in mappings() if m["path"] in programs and "w" in m["rights"]]
    assert variables
    assert not given_up & {int(each["start"], 16) for each in variables}


@pytest.mark.slow
def test_a_packed_network_computes_the_same_before_and_after(tmp_path: Path) -> None:
    file, network = tmp_path / "tiny.onnx", TinyAttention()
    export(network, file)
    pack(file)
    assert {each.name for each in tmp_path.iterdir()} == {"tiny.onnx", "tiny.onnx.data"}
    engine, reference = OrtEngine(network.spec, file), TorchEngine(network)
    inputs = example_inputs(network.spec)
    given = dict(zip([each.name for each in network.spec.inputs], inputs, strict=False))
    wanted = reference.run(given, reference.new_state(batch=2))["y"]
    before = engine.run(given, engine.new_state(batch=2))["y"]
    release_idle_memory()
    after = engine.run(given, engine.new_state(batch=2))["y"]
    assert torch.allclose(before, wanted, atol=1e-5)
    assert torch.equal(before, after)

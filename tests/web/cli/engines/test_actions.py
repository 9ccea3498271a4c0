"""`eyeline engines` with a service of one tiny network."""

import json
from pathlib import Path

import pytest

import web.cli.engines.accept
import web.cli.engines.actions
from models.engine import NetworkSource
from tests.trt_engines.tiny_network import TinyAttention
from trt_engines.acceptance.outcome import Outcome
from web.cli.main import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engines")


@pytest.fixture(autouse=True)
def one_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = NetworkSource(spec=TinyAttention().spec, weights="seed 0", build=TinyAttention)
    monkeypatch.setattr(web.cli.engines.actions, "networks", lambda *_, **__: [source])
    monkeypatch.setenv("EYELINE_ENGINES", str(folder))
    monkeypatch.setenv("EYELINE_DEVICE", "cpu")


def test_engines_are_built_listed_verified_and_cleaned(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["engines", "build", "--all"]) == 0
    assert "tiny-attention" in capsys.readouterr().out
    assert main(["engines", "--json", "list"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed["outdated"] == ""
    assert main(["engines", "verify"]) == 0
    file = next(folder.glob("*/*.onnx"))
    file.write_bytes(file.read_bytes()[:-1])
    assert main(["engines", "verify"]) == 1
    assert "has another size" in capsys.readouterr().out
    assert main(["engines", "clean", "--all"]) == 0
    assert not list(folder.rglob("*.onnx"))


def test_a_machine_is_accepted_with_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One failed check makes the status 1."""
    source = NetworkSource(spec=TinyAttention().spec, weights="seed 0", build=TinyAttention)
    monkeypatch.setattr(web.cli.engines.accept, "networks", lambda *_, **__: [source])
    outcomes = [
        Outcome(network="tiny", check="parity", verdict="PASS", found="equal"),
        Outcome(network="tiny", check="soak", verdict="FAIL", found="differs"),
    ]
    monkeypatch.setattr(web.cli.engines.accept, "_checks", lambda _: outcomes)
    report = tmp_path / "report.json"
    assert main(["engines", "accept", "--all", "--report", str(report)]) == 1
    printed = capsys.readouterr().out
    assert "FAIL  tiny" in printed
    assert "1 failed" in printed
    written = json.loads(report.read_text())["outcomes"]
    assert [each["verdict"] for each in written if each["network"] == "tiny"] == ["PASS", "FAIL"]
    monkeypatch.setattr(web.cli.engines.accept, "_checks", lambda _: outcomes[:1])
    assert main(["engines", "accept", "--all"]) == 0


def test_what_cannot_be_compiled_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorrt_rtx", reason="TensorRT-RTX has no package for this machine")
    assert main(["engines", "build", "--all", "--target", "sm10"]) == 2
    assert "tensorrt_rtx cannot compile for sm10 here" in capsys.readouterr().err


def test_an_action_without_a_network_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["engines", "build"])
    assert "--all" in capsys.readouterr().err

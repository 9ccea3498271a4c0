"""The doctor: each check on a machine where all is well, and where it is not."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy
import pytest
from pydantic import SecretStr

from models.asr.ancat import loading as ancat
from models.errors import WeightsError
from models.weights.catalog import WEIGHTS
from models.weights.hub import MANIFEST
from web.cli.doctor import checks as doctor
from web.cli.doctor import network as doctor_network
from web.cli.doctor.finding import Finding
from web.config import Settings
from web.loading.needs import fetch, hearing, seeing


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(weights=tmp_path / "weights", port=0)


@contextmanager
def stun_server() -> Iterator[int]:
    """Answer one binding request on its own thread, as RFC 8489 section 5 and 14.2 lay it out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(30)

        def answer() -> None:
            request, (host, port) = server.recvfrom(2048)
            cookie = request[4:8]
            mask = int.from_bytes(cookie)
            address = int.from_bytes(socket.inet_aton(host)) ^ mask
            value = b"\0\1" + (port ^ mask >> 16).to_bytes(2) + address.to_bytes(4)
            attribute = b"\0\x20" + len(value).to_bytes(2) + value
            head = b"\1\1" + len(attribute).to_bytes(2) + request[4:20]
            server.sendto(head + attribute, (host, port))

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_this_python_passes_and_another_gets_advice_to_install_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor.check_python(settings).status == "ok"
    monkeypatch.setattr(doctor, "PYTHONS", ((3, 99),))
    finding = doctor.check_python(settings)
    assert finding.status == "fail"
    assert "install Python" in finding.advice


def test_every_package_of_the_project_is_installed(settings: Settings) -> None:
    assert doctor.check_packages(settings).status != "fail"
    assert "aiortc" in doctor._needed()


def test_a_missing_package_fails_and_an_untested_version_is_noted(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "CHECKOUT", tmp_path)
    project = tmp_path / "pyproject.toml"
    project.write_text('[project]\ndependencies = ["numpy>=2", "no-such-package-here>=1"]\n')
    finding = doctor.check_packages(settings)
    assert (finding.status, finding.found) == ("fail", "not installed: no-such-package-here")
    assert "./eyeline install" in finding.advice
    project.write_text('[project]\ndependencies = ["NumPy>=2"]\n')
    (tmp_path / "constraints.txt").write_text("# tested\nnumpy==0.0.1\n")
    finding = doctor.check_packages(settings)
    assert finding.status == "warn"
    assert "(tested: 0.0.1)" in finding.found


def test_packages_for_another_python_are_neither_missing_nor_compared(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "CHECKOUT", tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        "[project]\ndependencies = [\"absent; python_version < '3'\", 'numpy>=2']\n"
    )
    (tmp_path / "constraints.txt").write_text(
        "numpy==0.0.1 ; python_full_version < '3'\n"
        f"numpy=={numpy.__version__} ; python_full_version >= '3'\n"
    )
    assert doctor.check_packages(settings).found == "1 installed, versions as tested"


def test_missing_weights_are_noted_with_the_size_of_what_will_be_fetched(
    settings: Settings,
) -> None:
    finding = doctor.check_weights(settings)
    assert finding.status == "warn"
    assert "tiny.en: model.bin" in finding.found
    names = (
        "tiny.en",
        "silero-vad",
        "speaker-encoder",
        "smollm2-135m",
        "efficientnet-lite0",
        "persons",
        "things",
        "body",
        "pp-ocrv6",
    )
    for name in names[1:]:
        assert f"; {name}: " in finding.found
    size = sum(WEIGHTS[name].size for name in names)
    assert f"{size / 1e6:.0f} MB" in finding.advice


def test_damaged_weights_are_named(settings: Settings) -> None:
    home = settings.weights / "silero-vad"
    home.mkdir(parents=True)
    (home / "silero_vad.onnx").write_bytes(bytes(2_327_524))
    assert "silero-vad: silero_vad.onnx" in doctor.check_weights(settings).found


def test_a_users_own_weights_are_not_searched_among_the_packaged_ones(tmp_path: Path) -> None:
    own = tmp_path / "own.pt"
    own.touch()
    assert hearing(Settings(asr_model=str(own))).packaged == ("silero-vad", "speaker-encoder")


def test_a_model_of_the_hub_that_is_missing_or_damaged_fails(settings: Settings) -> None:
    larger = settings.model_copy(update={"video_model": "llava-onevision-0.5b"})
    finding = doctor.check_weights(larger)
    assert finding.status == "fail"
    assert "eyeline pull llava-onevision-0.5b" in finding.found
    folder = settings.weights / "llava-onevision-0.5b"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"damaged")
    (folder / MANIFEST).write_text(
        json.dumps({"commit": "a", "files": {"model.safetensors": [7, "0" * 64]}})
    )
    assert "model.safetensors missing or damaged" in doctor.check_weights(larger).found
    with pytest.raises(WeightsError, match=r"model\.safetensors missing or damaged"):
        fetch(seeing(larger), larger)


def test_a_missing_part_of_the_program_fails(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ancat, "SHIPPED", tmp_path / "ancat.safetensors")
    finding = doctor.check_weights(settings.model_copy(update={"asr": "ancat"}))
    assert finding.status == "fail"
    assert "ancat.safetensors is missing" in finding.found
    assert "install" in finding.advice


def test_disk_is_measured_where_the_weights_will_be(settings: Settings, tmp_path: Path) -> None:
    assert str(tmp_path) in doctor.check_disk(settings).found


def test_a_full_disk_fails(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: usage)
    assert doctor.check_disk(settings).status == "fail"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_fails(settings: Settings, tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        assert doctor.check_disk(settings).status == "fail"
    finally:
        tmp_path.chmod(0o755)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1"])
def test_on_this_machine_camera_key_and_turn_are_no_worry(host: str) -> None:
    local = Settings(host=host)
    findings = [
        doctor.check_camera(local),
        doctor.check_key(local),
        doctor_network.check_turn(local),
    ]
    assert [finding.status for finding in findings] == ["ok"] * 3


def test_network_camera_key_and_turn_checks_have_advice() -> None:
    public = Settings(host="0.0.0.0")
    assert "TLS" in doctor.check_camera(public).advice
    assert "EYELINE_API_KEY" in doctor.check_key(public).advice
    assert doctor.check_key(public).status == "fail"
    assert doctor.check_key(Settings(host="0.0.0.0", without_key=True)).status == "warn"
    assert "EYELINE_TURN_URLS" in doctor_network.check_turn(public).advice
    keyed = Settings(host="0.0.0.0", api_key=SecretStr("k"))
    assert doctor.check_key(keyed).status == "ok"


def test_a_port_in_use_is_noted_and_a_free_one_is_not(settings: Settings) -> None:
    assert doctor_network.check_port(settings).status == "ok"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        finding = doctor_network.check_port(Settings(port=taken.getsockname()[1]))
    assert finding.status == "warn"
    assert "EYELINE_PORT" in finding.advice


def test_a_host_that_is_not_this_machine_fails() -> None:
    assert doctor_network.check_port(Settings(host="no host")).status == "fail"


def test_udp_is_tried_on_each_address_of_this_machine(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_network, "host_addresses", lambda: ["127.0.0.1"])
    assert "127.0.0.1 (" in doctor_network.check_udp(settings).found
    monkeypatch.setattr(doctor_network, "host_addresses", lambda: ["127.0.0.1", "203.0.113.1"])
    assert doctor_network.check_udp(settings).status == "warn"
    monkeypatch.setattr(doctor_network, "host_addresses", list)
    assert doctor_network.check_udp(settings).status == "fail"


def test_a_stun_server_that_answers_is_ok_and_one_that_does_not_fails() -> None:
    with stun_server() as port:
        found = doctor_network.check_stun(Settings(stun_urls=(f"stun:127.0.0.1:{port}",)))
    assert found.status == "ok"
    assert "sees 127.0.0.1:" in found.found
    finding = doctor_network.check_stun(Settings(stun_urls=(f"stun:127.0.0.1:{port}",)))
    assert finding.status == "fail"
    assert f"stun:127.0.0.1:{port}" in finding.advice


def test_a_turn_server_that_is_down_fails() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = Settings(
        turn_urls=(f"turn:127.0.0.1:{port}?transport=tcp",),
        turn_secret=SecretStr("north"),
        api_key=SecretStr("sesame"),
    )
    finding = doctor_network.check_turn(settings)
    assert finding.status == "fail"
    assert "coturn" in finding.advice


def test_functions_of_the_users_are_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "doctored.py").write_text("def f(picture, time):\n    return picture\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = doctor.check_own_code(Settings(frame_filter="doctored:f"))
    assert found == Finding("own code", "ok", "doctored:f")
    broken = doctor.check_own_code(Settings(frame_filter="doctored:g"))
    assert broken.status == "fail"
    assert "AttributeError" in broken.found


def test_chromium_is_searched_under_each_of_its_names(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.check_chromium(settings).status == "warn"
    browser = tmp_path / "google-chrome"
    browser.touch(mode=0o755)
    assert doctor.check_chromium(settings).found == str(browser)


def test_engines_name_what_runs_models_here(settings: Settings) -> None:
    finding = doctor.check_engines(settings)
    assert "ONNX Runtime" in finding.found
    assert "PyTorch" in finding.found


@pytest.mark.parametrize(
    ("statuses", "status"), [(["ok", "warn"], 0), (["ok", "fail", "warn"], 1), ([], 0)]
)
def test_the_exit_status_tells_whether_something_failed(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    statuses: list[str],
    status: int,
) -> None:
    findings = [Finding(f"check{i}", s, "found", "do this") for i, s in enumerate(statuses)]  # type: ignore[arg-type]  # parametrized
    monkeypatch.setattr(doctor, "checks", lambda: [lambda _s, f=f: f for f in findings])
    assert doctor.doctor(settings, as_json=False) == status
    text = capsys.readouterr().out
    assert text.count("-> do this") == len(statuses)
    assert doctor.doctor(settings, as_json=True) == status
    assert [entry["status"] for entry in json.loads(capsys.readouterr().out)] == statuses

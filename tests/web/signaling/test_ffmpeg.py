"""FFmpeg's WHIP muxer, in PyAV, as a publisher with DTLS of its own (GnuTLS)."""

import logging
import queue
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.patience import PATIENCE
from tests.rtc.self_signed import self_signed
from tests.web.served import Served, scripted_models, served
from web.config import Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with scripted_models() as models, served(Settings(sessions=4), models) as service:
        yield service


def key_files(folder: Path, kind: str) -> dict[str, str]:
    """Return the muxer's options for a certificate of this kind, which is made in `folder`."""
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if kind == "rsa":
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(self_signed(key).public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return {"cert_file": str(folder / "cert.pem"), "key_file": str(folder / "key.pem")}


def publish(
    url: str, options: dict[str, str], profile: str = "high"
) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "tests.web.signaling.ffmpeg_publisher", url, profile]
    given = [f"{name}={value}" for name, value in options.items()]
    return subprocess.run(
        [*program, *given], capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.fixture
def endings() -> Iterator[queue.Queue[str]]:
    """Yield a queue of what the service logs of each peer that ended."""
    lines: queue.Queue[str] = queue.Queue()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith("peer ended"):
                lines.put(record.getMessage())

    logger, listener = logging.getLogger("rtc.peer"), Listener()
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(listener)
    yield lines
    logger.removeHandler(listener)
    logger.setLevel(before)


@pytest.mark.parametrize("role", ["passive", "active"])
@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_ffmpeg_publishes_with_either_kind_of_key_in_either_role(
    service: Served, endings: queue.Queue[str], tmp_path: Path, kind: str, role: str
) -> None:
    flags = {"whip_flags": "dtls_active"} if role == "active" else {}
    done = publish(f"{service.http}/whip", key_files(tmp_path, kind) | flags)
    assert done.returncode == 0, done.stderr
    ending = endings.get(timeout=PATIENCE)
    counts = dict(re.findall(r"(\w+_frames_in)=(\d+)", ending))
    assert int(counts["video_frames_in"]) > 0
    assert int(counts["audio_frames_in"]) > 0


@pytest.mark.parametrize("profile", ["baseline", "main"])
def test_ffmpeg_publishes_other_profiles_than_high(
    service: Served, endings: queue.Queue[str], tmp_path: Path, profile: str
) -> None:
    done = publish(f"{service.http}/whip", key_files(tmp_path, "ec"), profile)
    assert done.returncode == 0, done.stderr
    found = re.search(r"video_frames_in=(\d+)", endings.get(timeout=PATIENCE))
    assert found is not None
    assert int(found[1]) > 0


def test_the_certificate_that_ffmpeg_makes_itself_is_told_as_the_reason(
    service: Served, endings: queue.Queue[str]
) -> None:
    """GnuTLS makes a key on P-224 for it, which TLS in OpenSSL 4 has no code for."""
    assert publish(f"{service.http}/whip", {}).returncode != 0
    assert "an ECDSA key on secp224r1, expected P-256" in endings.get(timeout=PATIENCE)

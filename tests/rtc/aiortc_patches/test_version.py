import aiortc
import pytest
from aiortc import RTCDtlsTransport

from rtc.aiortc_patches.version import check_version
from rtc.errors import RtcError


@pytest.fixture(autouse=True)
def _unchecked() -> None:
    check_version.cache_clear()


def test_this_aiortc_has_all_that_is_used() -> None:
    check_version()


def test_a_name_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(RTCDtlsTransport, "_recv_next")
    with pytest.raises(RtcError, match=r"lacks RTCDtlsTransport\._recv_next$"):
        check_version()


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiortc, "__version__", "1.17.0")
    with pytest.raises(RtcError, match=r"expected aiortc 1\.16\.x, found 1\.17\.0"):
        check_version()

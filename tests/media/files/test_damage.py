"""Damaged files: whatever bytes are changed, what can be decoded is, and nothing crashes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from media.errors import MediaError
from media.files import decoding
from media.files.decoding import decode
from media.files.report import DecodingReport
from media.files.sampling import sample_frames
from media.frames import AudioChunk
from tests.media.files.damage import EDITS, KINDS, Edit, damaged, refused_byte, write_media

LIMIT = 60.0  # seconds: also of what a damaged timestamp may claim


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    return {name: write_media(folder, name).read_bytes() for name in KINDS}


def read(path: Path) -> tuple[int, DecodingReport]:
    """Decode all of `path`; return the samples and the report. Errors are those that users see."""
    report, samples = DecodingReport(), 0
    reached = -1.0
    try:
        for item in decode(path, max_duration=LIMIT, report=report):
            assert 0 <= item.time <= LIMIT
            if isinstance(item, AudioChunk):
                assert np.abs(item.samples).max() <= 1  # and no NaN
                samples += len(item.samples)
            else:
                assert item.time > reached
                reached = item.time
    except MediaError:
        pass
    reached = -1.0
    try:
        for frame in sample_frames(path, max_duration=LIMIT, interval=0.2, threads=1):
            assert reached < frame.time <= LIMIT
            reached = frame.time
    except MediaError:
        pass
    return samples, report


def test_a_packet_that_the_decoder_refuses_for_any_reason_is_passed_over(tmp_path: Path) -> None:
    path = write_media(tmp_path, "a.mp4")
    whole, _ = read(path)
    place, value = refused_byte(path)
    data = bytearray(path.read_bytes())
    data[place] = value
    path.write_bytes(data)
    samples, report = read(path)
    assert report.damaged == {"audio": 1}
    assert report.left_out == "left out 1 damaged packet of sound (0.02 s)"
    assert samples >= whole - 2 * 1024


def test_what_comes_before_an_unreadable_rest_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_media(tmp_path, "a.mkv")
    whole, _ = read(path)

    class Failing:
        """A container on a disk that fails after 20 packets."""

        def __init__(self, container: av.container.InputContainer) -> None:
            self._container = container
            self.count = 0

        def __getattr__(self, name: str) -> object:
            return getattr(self._container, name)

        def demux(self, streams: object) -> Iterator[av.Packet]:  # type: ignore[type-arg]  # either kind
            for packet in self._container.demux(streams):
                if self.count == 20:
                    raise av.error.OSError(5, "Input/output error")
                self.count += 1
                yield packet

    opened = decoding.open_media

    @contextmanager
    def open_failing(path: Path) -> Iterator[Failing]:
        with opened(path) as container:
            yield Failing(container)

    monkeypatch.setattr(decoding, "open_media", open_failing)
    report = DecodingReport()
    items = list(decode(path, max_duration=LIMIT, report=report))
    assert 0 < sum(len(i.samples) for i in items if isinstance(i, AudioChunk)) < whole
    assert "the rest cannot be read" in report.left_out
    assert "Input/output error" in report.left_out


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=EDITS)
def test_no_damage_crashes_the_decoders(
    originals: dict[str, bytes], tmp_path: Path, name: str, edits: list[Edit]
) -> None:
    path = tmp_path / name
    path.write_bytes(damaged(originals[name], edits))
    read(path)

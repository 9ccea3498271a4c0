"""Which sound track of a file is heard."""

from pathlib import Path

import numpy as np
import pytest

from media.errors import UnreadableMediaError
from media.files.decoding import decode_audio, probe
from media.files.track_choice import choose_track
from media.files.tracks import AudioTrack, Samples, choose
from tests.media.files.damage import SPOKEN, Track, write_tracks


def loud_seconds(samples: Samples) -> float:
    return float((np.abs(samples) > 0.2).sum()) / 16_000


def tracks(*flagged: bool) -> list[AudioTrack]:
    return [
        AudioTrack(number=n, codec="aac", channels=1, flagged=each)
        for n, each in enumerate(flagged, 1)
    ]


@pytest.mark.parametrize(
    ("flagged", "speech", "expected"),
    [
        ((False, True), (5.0, 2.0), (2, "the default one")),
        ((True, False), (0.0, 2.0), (2, "with the most speech")),
        ((False, False, False), (0.0, 2.0, 3.0), (3, "with the most speech")),
        ((True, True), (1.0, 2.0), (2, "with the most speech")),
        ((False, True), (0.0, 0.0), (2, "as no speech was found in any")),
        ((False, False), (0.1, 0.2), (1, "as no speech was found in any")),
    ],
)
def test_the_flagged_track_is_heard_if_there_is_speech_in_it_else_the_one_with_most(
    flagged: tuple[bool, ...], speech: tuple[float, ...], expected: tuple[int, str]
) -> None:
    chosen = choose(tracks(*flagged), dict(enumerate(speech, 1)))
    assert (chosen.track.number, chosen.reason) == expected
    assert len(chosen.others) == len(flagged) - 1


def test_a_screen_recording_whose_desktop_comes_first_is_heard_at_its_microphone(
    tmp_path: Path,
) -> None:
    quiet = Track(title="Desktop", language="eng", level=0.0)
    path = write_tracks(tmp_path / "screen.mkv", quiet, Track(title="Microphone"))
    chosen = choose_track(path, loud_seconds)
    assert chosen is not None
    assert chosen.track.number == 2
    assert str(chosen) == (
        'hearing track 2 ("Microphone", aac, mono), with the most speech; '
        'not track 1 ("Desktop", eng, aac, mono)'
    )
    for number, peak in ((1, 0.0), (2, 0.5), (None, 0.0)):
        heard = np.concatenate(list(decode_audio(path, max_duration=60, track=number)))
        assert np.abs(heard).max() == pytest.approx(peak, abs=0.1)


def test_speech_is_found_wherever_it_is_in_a_long_file(tmp_path: Path) -> None:
    """Three minutes, of which the second track has half of one at the end."""
    late = Track(speech=(150.0, 180.0))
    path = write_tracks(tmp_path / "long.mkv", Track(level=0.0), late, seconds=180)
    chosen = choose_track(path, loud_seconds)
    assert chosen is not None
    assert chosen.track.number == 2


def test_a_file_with_one_track_or_none_has_no_choice(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "one.mka", Track())
    assert choose_track(path, lambda _: pytest.fail("listened")) is None
    assert [str(track) for track in probe(path).audio] == ["track 1 (aac, mono)"]


def test_a_track_that_is_not_there_is_an_error_that_lists_those_that_are(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "two.mkv", Track(title="A"), Track(title="B"))
    with pytest.raises(UnreadableMediaError, match=r'no sound track 3; .*"A".*"B"'):
        list(decode_audio(path, max_duration=60, track=3))


def test_a_damaged_track_does_not_end_the_choice(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "two.mkv", Track(level=0.0), Track(), seconds=SPOKEN)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    path.write_bytes(data)
    chosen = choose_track(path, loud_seconds)
    assert chosen is not None
    assert chosen.track.number == 2

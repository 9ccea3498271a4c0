import io
import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import webvtt

from media.events.hearing import CaptionWord
from web.rest.subtitles import (
    MAX_CHARACTERS,
    MAX_SECONDS,
    SubtitleFormat,
    SubtitleWriter,
    format_cues,
    make_cues,
    speaker_names,
)


def words(text: str, *, pace: float = 0.3, start: float = 0.0) -> list[CaptionWord]:
    return [
        CaptionWord(f" {word}", start + n * pace, start + (n + 0.9) * pace)
        for n, word in enumerate(text.split())
    ]


SPOKEN = [
    *words("And so my fellow Americans ask not. What your country can do for you"),
    *words("a < b & c", start=10.0),
    *words("long " * 60, start=3600.0),
]


def test_cues_end_at_stops_and_pauses_and_stay_readable() -> None:
    cues = make_cues(SPOKEN)
    assert cues[0].text == "And so my fellow Americans ask not."
    assert cues[1].text == "What your country can do for you"
    assert cues[2].start == 10.0
    assert all(
        len(cue.text) <= MAX_CHARACTERS and cue.end - cue.start <= MAX_SECONDS for cue in cues
    )
    assert [word for cue in cues for word in cue.words] == SPOKEN


def test_webvtt_reads_back_with_another_parser() -> None:
    read = webvtt.from_buffer(io.StringIO(format_cues(make_cues(SPOKEN), "vtt")))
    assert [caption.text for caption in read.captions][2] == "a &lt; b &amp; c"
    assert read[3].start == "01:00:00.000"
    assert len(read) == len(make_cues(SPOKEN))


def test_subrip_reads_back_with_another_parser(tmp_path: Path) -> None:
    path = tmp_path / "spoken.srt"
    path.write_text(format_cues(make_cues(SPOKEN), "srt"), encoding="utf-8")
    assert [caption.text for caption in webvtt.from_srt(str(path)).captions] == [
        c.text for c in make_cues(SPOKEN)
    ]
    first = format_cues(make_cues(SPOKEN), "srt").splitlines()[:3]
    assert first == ["1", "00:00:00,000 --> 00:00:02,070", "And so my fellow Americans ask not."]


def test_json_has_every_word_with_its_times() -> None:
    read = json.loads(format_cues(make_cues(SPOKEN), "json"))
    assert sum(len(cue["words"]) for cue in read) == len(SPOKEN)
    assert read[0]["words"][1] == {"text": "so", "start": 0.3, "end": SPOKEN[1].end}


@pytest.mark.parametrize("format", get_args(SubtitleFormat))
@pytest.mark.parametrize("count", [0, 1, len(SPOKEN)])
def test_captions_written_one_by_one_are_those_formatted_at_once(
    format: SubtitleFormat, count: int
) -> None:
    written: list[str] = []
    writer = SubtitleWriter(written.append, format)
    for word in SPOKEN[:count]:
        writer.add([word])
    writer.close()
    cues = make_cues(SPOKEN[:count])
    assert "".join(written) == format_cues(cues, format)
    assert (writer.count, writer.end) == (len(cues), cues[-1].end if cues else 0.0)


def test_no_speech_gives_an_empty_file_of_the_format() -> None:
    assert format_cues([], "vtt") == "WEBVTT\n"
    assert format_cues([], "srt") == format_cues([], "text") == ""
    assert json.loads(format_cues([], "json")) == []


def two_voices() -> list[CaptionWord]:
    said = words("Where is the cup It is on the table")
    return [replace(word, speaker=1 if n < 4 else 2) for n, word in enumerate(said)]


def test_a_cue_is_of_one_speaker_who_is_named() -> None:
    said = two_voices()
    cues = make_cues(said, speaker_names(said, {2: "Anna <3"}))
    assert [(cue.speaker, cue.text) for cue in cues] == [
        ("speaker 1", "Where is the cup"),
        ("Anna <3", "It is on the table"),
    ]
    assert "<v speaker 1>Where is" in format_cues(cues, "vtt")
    assert "<v Anna &lt;3>It is" in format_cues(cues, "vtt")
    assert "\nAnna <3: It is on the table\n" in format_cues(cues, "srt")
    assert [cue["speaker"] for cue in json.loads(format_cues(cues, "json"))] == [
        "speaker 1",
        "Anna <3",
    ]


def test_one_person_who_speaks_alone_has_no_label() -> None:
    said = [replace(word, speaker=1) for word in words("I am alone")]
    assert speaker_names(said) == {}
    assert [cue.speaker for cue in make_cues(said, speaker_names(said))] == [""]


def test_a_writer_names_speakers_from_the_second_one_on() -> None:
    written: list[str] = []
    writer = SubtitleWriter(written.append, "vtt")
    for word in two_voices():
        writer.add([word])
    writer.close()
    assert "".join(written).count("<v speaker 2>") == 1

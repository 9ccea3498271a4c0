import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData

from web.problems import ProblemError
from web.rest.transcription.fields import TranscriptionFields, parse_fields

GRANULARITIES = st.lists(st.sampled_from(["word", "segment"]), max_size=3)


def parsed(*fields: tuple[str, str]) -> TranscriptionFields:
    return parse_fields(FormData(list(fields)))


def test_a_form_without_fields_gets_the_defaults_of_the_api() -> None:
    assert parsed() == TranscriptionFields("json", "", streamed=False, word_times=False)


@given(GRANULARITIES)
def test_granularities_are_read_in_every_form_that_sdks_write(wanted: list[str]) -> None:
    name = "timestamp_granularities"
    forms = [
        [(f"{name}[]", each) for each in wanted],
        [(name, each) for each in wanted],
        [(f"{name}[{index}]", each) for index, each in enumerate(wanted)],
        [(name, json.dumps(wanted))],
        [(f"{name}[]", json.dumps(wanted))],
        [(name, ",".join(wanted))],
        [(name, ", ".join(wanted))],
    ]
    for form in forms:
        assert parsed(*form).word_times == ("word" in wanted), form


@pytest.mark.parametrize("value", ["words", '["words"]', "[", "word;segment", "[[[]]]", "1"])
def test_an_unknown_granularity_is_an_error_that_names_the_field(value: str) -> None:
    with pytest.raises(ProblemError, match="expected word or segment") as refused:
        parsed(("timestamp_granularities[]", value))
    assert refused.value.status == 400
    assert refused.value.param == "timestamp_granularities"


@pytest.mark.parametrize(("value", "language"), [("", ""), (" ", ""), ("auto", "auto")])
def test_no_language_leaves_it_to_the_service_and_auto_is_detected(
    value: str, language: str
) -> None:
    assert parsed(("language", value)).language == language


def test_languages_are_codes_or_names_and_others_an_error() -> None:
    for value in ("en-US", "English", "eng"):
        assert parsed(("language", value)).language == "en"
    with pytest.raises(ProblemError, match="such as en or en-US"):
        parsed(("language", "klingon"))


@pytest.mark.parametrize(("value", "streamed"), [("True", True), ("1", True), ("false", False)])
def test_streaming_is_asked_for_as_sdks_write_it(value: str, streamed: bool) -> None:
    assert parsed(("stream", value)).streamed == streamed


@pytest.mark.parametrize(("value", "told_apart"), [("", True), ("on", True), ("false", False)])
def test_voices_are_told_apart_unless_the_form_says_no(value: str, *, told_apart: bool) -> None:
    assert parsed(("speakers", value)).speakers is told_apart


def test_an_unknown_choice_of_speakers_is_an_error_that_says_what_to_send() -> None:
    with pytest.raises(ProblemError, match="expected on or off, got 'two'"):
        parsed(("speakers", "two"))

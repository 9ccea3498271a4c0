import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from web.protocol.client_events import encoded
from web.protocol.client_events.encoded import MAX_COMMAS, decode_base64, parse_json

PIECE = 8  # characters in these tests, so that short texts have many pieces
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


@pytest.fixture(autouse=True)
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoded, "PIECE", PIECE)


@given(st.binary(max_size=64))
def test_base64_is_decoded_across_pieces(data: bytes) -> None:
    assert decode_base64(base64.b64encode(data).decode()) == data


@given(
    st.text(alphabet="AQg=/+", max_size=40)
    | st.text(max_size=20)
    | st.binary(max_size=40).map(lambda data: base64.b64encode(data).decode()[1:])
)
def test_what_python_does_not_take_for_base64_is_refused(text: str) -> None:
    try:
        decoded = decode_base64(text)
    except ValueError:
        return
    assert decoded == base64.b64decode(text, validate=True)


@pytest.mark.parametrize("text", ["A", "AA==AAAA", "AAAAAA==AAAA", "AAA A", "AAA-", "é"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (each part of it has its own message)
        decode_base64(text)


@settings(max_examples=50)
@given(JSON)
def test_json_is_read_as_by_python(value: Any) -> None:
    for ascii_only in (True, False):
        assert parse_json(json.dumps(value, ensure_ascii=ascii_only)) == value


@pytest.mark.parametrize("text", ["", "{", "[1", "\ud800", '"\\ud800"', "[" * 100_000, "nul"])
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (the parser's own message)
        parse_json(text)


def test_many_values_are_refused_before_they_are_parsed() -> None:
    assert len(parse_json("[" + "1," * MAX_COMMAS + "1]")) == MAX_COMMAS + 1
    with pytest.raises(ValueError, match="may have 50000 commas, this one has 50001"):
        parse_json("," * (MAX_COMMAS + 1))
    long = "a" * 10_000_000
    assert parse_json(f'["{long}"]') == [long]

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.asr.languages.codes import language_code, language_name


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("en", "en"),
        ("EN", "en"),
        ("eng", "en"),
        ("en-US", "en"),
        ("en_us", "en"),
        ("en_US.UTF-8", "en"),
        (" English ", "en"),
        ("german", "de"),
        ("deu", "de"),
        ("ger", "de"),
        ("zh-Hant-TW", "zh"),
        ("Mandarin", "zh"),
        ("cmn-Hans-CN", "zh"),
        ("yue", "yue"),
        ("nb-NO", "no"),
        ("Haitian Creole", "ht"),
        ("", ""),
        ("auto", ""),
        ("null", ""),
        ("klingon", None),
        ("x", None),
        ("e n", None),
    ],
)
def test_languages_are_known_by_code_region_and_name(text: str, code: str | None) -> None:
    assert language_code(text) == code


@given(st.text(max_size=30))
def test_any_text_is_a_code_or_none_and_a_code_stands_for_itself(text: str) -> None:
    code = language_code(text)
    assert code is None or language_code(code) == code


def test_a_code_has_an_english_name() -> None:
    assert [language_name(code) for code in ("de", "ht", "lo", "yue")] == [
        "german",
        "haitian_creole",
        "lao",
        "cantonese",
    ]
    assert language_name("xx") == "xx"

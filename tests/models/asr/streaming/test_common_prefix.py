from models.asr.streaming.common_prefix import common_prefix
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.tokenizer import WhisperTokenizer


def common(tokenizer: WhisperTokenizer, last: str, now: str) -> str:
    words = [tokenizer.words(tokenizer.encode(text)) for text in (last, now)]
    return "".join(tokenizer.decode(word) for word in common_prefix(tokenizer, *words))


def test_agreement_ends_at_the_first_other_word(tiny_en: WhisperModel) -> None:
    found = common(tiny_en.tokenizer, " And so my fellow", " And so, my friends Americans")
    assert found == " And so, my"


def test_case_and_punctuation_are_not_compared(tiny_en: WhisperModel) -> None:
    assert common(tiny_en.tokenizer, ". Ask not what", " ask not what you") == " ask not what"


def test_the_mark_after_the_last_word_waits(tiny_en: WhisperModel) -> None:
    assert common(tiny_en.tokenizer, " for you.", " for you.") == " for you"
    assert common(tiny_en.tokenizer, " for you.", " for you. Ask") == " for you"
    assert common(tiny_en.tokenizer, " for you. Ask", " for you. Ask not") == " for you. Ask"


def test_nothing_is_agreed_on_with_silence(tiny_en: WhisperModel) -> None:
    assert common(tiny_en.tokenizer, "", " you") == ""
    assert common(tiny_en.tokenizer, " you", "") == ""

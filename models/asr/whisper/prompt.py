"""What the decoder reads before the transcript: text said earlier, then what is asked of it."""

from collections.abc import Sequence

from models.asr.whisper.tokenizer import Tokenizer


def prompted(
    tokenizer: Tokenizer, before: Sequence[int], language: str | None = None
) -> tuple[int, ...]:
    """Return the opening of a transcript without times, after the tokens `before`, if any.

    Raises:
        ValueError: the model does not know `language`.
    """
    opening = tokenizer.opening(language, timestamps=False)
    return (tokenizer.previous, *before, *opening) if before else opening

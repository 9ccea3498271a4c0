"""Whisper's tokenizer: text to tokens and back, special tokens, and words as groups of tokens.

The byte-pair table is the `tokenizer.json` that comes with the weights. Timestamps are not in
it: they follow the last special token in steps of 20 ms.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import punctuation
from typing import Literal

import tokenizers

from models.asr.whisper.whisper import WhisperConfig
from models.errors import WeightsError

TIMESTAMP_STEP = 0.02  # seconds
Task = Literal["transcribe", "translate"]  # into the language of the sound, or into English

# Symbols for sounds or layout, hardly ever spoken: Whisper suppresses them by default.
NON_SPEECH = (
    *'"#()*+/:;<=>@[\\]^_`{|}~「」『』',
    *("<<", ">>", "<<<", ">>>", "--", "---", "-(", "-[", "('", '("'),
    *("((", "))", "(((", ")))", "[[", "]]", "{{", "}}", "♪♪", "♪♪♪"),
)
MUSIC = tuple("♩♪♫♬♭♮♯")  # suppressed by their first byte too
UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})  # written without spaces
PREPENDED = "\"'“¿([{-"
APPENDED = "\"'.。,，!！?？:：”)]}、…"
MARKS = punctuation + APPENDED + PREPENDED + " …"


@dataclass(frozen=True)
class WhisperTokenizer:
    """The tokenizer of one model; `languages` is empty for an English-only model."""

    table: tokenizers.Tokenizer
    languages: dict[str, int]

    def special_token(self, name: str) -> int:
        """Return the id of the special token `<|name|>`."""
        number: int | None = self.table.token_to_id(f"<|{name}|>")
        if number is None:
            raise WeightsError(f"the tokenizer has no <|{name}|>; is it Whisper's?")
        return number

    @cached_property
    def end(self) -> int:
        """End of text; text tokens are smaller."""
        return self.special_token("endoftext")

    @cached_property
    def start(self) -> int:
        return self.special_token("startoftranscript")

    @cached_property
    def previous(self) -> int:
        """Starts the prompt: text from before the window."""
        return self.special_token("startofprev")

    @cached_property
    def no_speech(self) -> int:
        """The token before "no timestamps"; its name differs between models."""
        return self.no_timestamps - 1

    @cached_property
    def no_timestamps(self) -> int:
        return self.special_token("notimestamps")

    @property
    def first_timestamp(self) -> int:
        return self.no_timestamps + 1

    def opening(
        self,
        language: str | None,
        *,
        timestamps: bool,
        prompt: Sequence[int] = (),
        task: Task = "transcribe",
    ) -> tuple[int, ...]:
        """Return the tokens that start a transcript; `language` defaults to English.

        The tokens `prompt`, earlier text, come before them if there are any. With the task
        "translate" the text is English, whatever the language of the sound.

        Raises:
            ValueError: the model does not know `language`, or cannot translate.
        """
        wanted = language or "en"
        named: tuple[int, ...] = ()
        if self.languages:
            if wanted not in self.languages:
                raise ValueError(f"no language {wanted!r}; known are {', '.join(self.languages)}")
            named = (self.languages[wanted], self.special_token(task))
        elif wanted != "en":
            raise ValueError(f"this model knows English only, not {wanted!r}")
        elif task == "translate":
            raise ValueError("this model knows English only, so it translates nothing")
        earlier = (self.previous, *prompt) if prompt else ()
        return (*earlier, self.start, *named, *(() if timestamps else (self.no_timestamps,)))

    def encode(self, text: str) -> list[int]:
        """Return the tokens of `text`; names of special tokens in it count as plain text."""
        ids: list[int] = self.table.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of `tokens`, leaving out special tokens and timestamps."""
        text: str = self.table.decode([token for token in tokens if token < self.end])
        return text

    @cached_property
    def suppressed(self) -> tuple[int, ...]:
        """Tokens that never occur in a transcript: special tokens and unspoken symbols."""
        tokens = {self.encode(" -")[0], self.encode(" '")[0]}
        for mark in NON_SPEECH + MUSIC:
            for ids in (self.encode(mark), self.encode(" " + mark)):
                if len(ids) == 1 or mark in MUSIC:
                    tokens.add(ids[0])
        special = set(range(self.special_token("translate"), self.no_timestamps)) | {self.start}
        return tuple(sorted(tokens | special))

    @cached_property
    def blank(self) -> tuple[int, ...]:
        """Tokens that a transcript does not begin with: a space, or the end of text."""
        return (*self.encode(" "), self.end)

    def words(self, tokens: Sequence[int], language: str | None = None) -> list[list[int]]:
        """Group text tokens into words, each with its leading space and its punctuation."""
        words: list[list[int]] = []
        opening = False  # the last word is an opening quote or bracket so far
        for piece in self._characters(tokens):
            text = self.decode(piece)
            closes = _closes(text)
            begins = text.startswith(" ") or (language in UNSPACED and not closes)
            if words and (opening or not begins):
                words[-1] += piece
            else:
                words.append(piece)
            opening = self.decode(words[-1]).strip() in PREPENDED
        return words

    def core_length(self, word: Sequence[int]) -> int:
        """Return how many tokens of `word` come before its closing punctuation, at least 1."""
        count = len(word)
        while count > 1 and _closes(self.decode(word[count - 1 : count])):
            count -= 1
        return count

    def _characters(self, tokens: Sequence[int]) -> Iterator[list[int]]:
        """Group tokens into whole characters."""
        group: list[int] = []
        for token in tokens:
            group.append(token)
            if "\ufffd" not in self.decode(group):
                yield group
                group = []
        if group:
            yield group


def _closes(text: str) -> bool:
    """Return whether `text` consists of closing punctuation only."""
    return set(text) <= set(APPENDED)


def comparable(tokenizer: WhisperTokenizer, word: Sequence[int]) -> str:
    """Return the part of `word` that is compared with others; "" if it is only punctuation."""
    return tokenizer.decode(word).lower().strip(MARKS)


def load(file: Path, config: WhisperConfig) -> WhisperTokenizer:
    """Return the tokenizer in `file`, a tokenizer.json, for a model with sizes `config`.

    Raises:
        WeightsError: the file is missing, damaged, or of another model.
    """
    if not file.is_file():
        raise WeightsError(f"{file} is missing; put the model's tokenizer.json there")
    try:
        table = tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:
        raise WeightsError(f"{file}: not a tokenizer.json ({error})") from error
    table.encode_special_tokens = True
    tokenizer = WhisperTokenizer(table, {})
    first, last = tokenizer.start + 1, tokenizer.special_token("translate")
    if config.multilingual:
        names = {str(table.id_to_token(i)).strip("<|>"): i for i in range(first, last)}
        tokenizer = WhisperTokenizer(table, names)
    if tokenizer.first_timestamp + 1501 != config.vocabulary:
        raise WeightsError(
            f"{file}: is of a model with {tokenizer.first_timestamp + 1501} tokens, not "
            f"{config.vocabulary}"
        )
    return tokenizer

"""The text of answers, piece by piece, as their tokens are generated."""

from collections.abc import Callable, Iterator, Sequence

from models.language.generation import Generation, GenerationBatch
from models.language.smollm2 import ChatModel


class AnswerPieces(Iterator[str]):
    """The pieces of one answer.

    A piece is empty while the prompt is read, and if a character is not complete yet. With
    `revise` all are, until the text is complete and that has returned what is said instead.
    """

    def __init__(
        self,
        chat: ChatModel,
        batch: GenerationBatch,
        generation: Generation,
        revise: Callable[[str], str] | None = None,
    ) -> None:
        self.batch = batch
        self.generation = generation
        self._chat = chat
        self._revise = revise
        self._tokens: list[int] = []
        self._sent = 0

    def __next__(self) -> str:
        piece = next_pieces([self])[0]
        if piece is None:
            raise StopIteration
        return piece

    def add(self, token: int | None) -> str | None:
        """Return the text that `token` completes; None after the last."""
        if token is None:
            return self._last() if self.generation.over else ""
        self._tokens.append(token)
        text = self._chat.decode(self._tokens)
        if text.endswith("\ufffd") or self._revise is not None:
            return ""
        piece, self._sent = text[self._sent :], len(text)
        return piece

    def _last(self) -> str | None:
        """Return the revised text, once."""
        if self._revise is None:
            return None
        revise, self._revise = self._revise, None
        return revise(self._chat.decode(self._tokens))


def next_pieces(answers: Sequence[AnswerPieces]) -> list[str | None]:
    """Return the next piece of each of at least one answer, or None if it is complete.

    Raises:
        EngineError: a run failed; no answer has changed.
    """
    tokens = answers[0].batch.step([each.generation for each in answers])
    return [each.add(token) for each, token in zip(answers, tokens, strict=True)]


def decode_stream(chat: ChatModel, tokens: Iterator[int]) -> Iterator[str]:
    """Yield text as tokens arrive; an incomplete character waits for its remaining tokens."""
    received: list[int] = []
    sent = 0
    for token in tokens:
        received.append(token)
        text = chat.decode(received)
        if not text.endswith("\ufffd"):
            yield text[sent:]
            sent = len(text)


def revised(pieces: Iterator[str], revise: Callable[[str], str]) -> Iterator[str]:
    """Yield what `revise` returns for the text of `pieces`."""
    yield revise("".join(pieces))

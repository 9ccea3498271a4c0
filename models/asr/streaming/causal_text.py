"""The writing half of a causal recogniser: what is said of the sound so far, token by token.

Each look at new sound begins with the last tokens: those that became less likely and are no
longer the best are dropped with all after them. Then tokens follow until the best is "end of
text". With a beam of several drafts each is looked at so, and they grow together.

Source: CarelessWhisper, Krichli et al. 2025, section 3.4 (greedy and beam, stability rule).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.logit_filters import NEVER
from models.asr.whisper.whisper import DecoderLayer, KeyValue, TextState

LONGEST_LOOP = 24  # tokens of a phrase
LOOPS = 3  # a phrase of two tokens or more that is said so often in a row is a loop
STUTTERS = 6  # and so is a single token


@dataclass(frozen=True, slots=True)
class Said:
    """A token, its last log-probability, and the frame of the window where it was found."""

    token: int
    chance: float
    frame: int


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """One transcript of a window; `text` has read the opening and `said`, perhaps not its last.

    The first `committed` of `said` do not change any more. `total` sums the log-probabilities
    of `said` and of the end of text after it.
    """

    opening: tuple[int, ...]
    said: tuple[Said, ...] = ()
    committed: int = 0
    text: tuple[KeyValue, ...] = ()
    total: float = 0.0

    @property
    def tokens(self) -> list[int]:
        return [said.token for said in self.said]


@dataclass(frozen=True, slots=True, eq=False)
class Growing:
    """A draft whose next token is known: log-probabilities `row` and where it looks, `frame`."""

    said: tuple[Said, ...]
    text: TextState
    row: Tensor
    frame: int

    @property
    def total(self) -> float:
        return sum(said.chance for said in self.said)


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What was read in one go: for each place its log-probabilities and the frame it looks at."""

    rows: Tensor
    frames: list[int]
    text: TextState

    def at(self, place: int, said: tuple[Said, ...], length: int) -> Growing:
        """Return the draft up to `place`, where `length` tokens were read and `said` written."""
        return Growing(said, self.text.cut(length), self.rows[place], self.frames[place])


class Writer:
    """Writes drafts; shared by all streams.

    `unstable` is how many tokens another look may drop, `patience` is added to the score of
    "end of text", and `beam` is how many drafts go on; 1 is greedy.
    """

    def __init__(
        self, recogniser: WhisperModel, *, unstable: int, patience: float, beam: int = 1
    ) -> None:
        if beam < 1 or unstable < 0:
            raise ValueError(f"expected a beam from 1 and unstable from 0, not {beam}, {unstable}")
        self.unstable = unstable
        self.beam = beam
        self._patience = patience
        self._recogniser = recogniser
        self._model = recogniser.model
        self._end = recogniser.tokenizer.end
        self._never = _never(recogniser)

    def look(self, draft: Draft, heard: tuple[KeyValue, ...], most: int) -> Draft:
        """Return `draft` after a look at `heard`, at most `most` tokens long."""
        room = min(most, self._model.config.text_context - len(draft.opening))
        write = self._greedy if self.beam == 1 else self._search
        grown = write(draft, heard, room)
        return replace(grown, opening=draft.opening, committed=draft.committed)

    def _greedy(self, draft: Draft, heard: tuple[KeyValue, ...], room: int) -> Draft:
        """Drop the last tokens that do not hold, and go on with the likeliest."""
        first, read = self._again(draft, heard)
        said, held = _held(list(draft.said), first, read.rows, read.frames)
        growing = read.at(held, tuple(said), len(draft.opening) + first + held)
        while len(growing.said) < room:
            token = int(growing.row.argmax())
            if token == self._end or loops([*(s.token for s in growing.said), token]):
                break
            (growing,) = self._read([(growing, token)])
        return self._ended(growing)

    def _search(self, draft: Draft, heard: tuple[KeyValue, ...], room: int) -> Draft:
        """Return the draft that a beam search finds in place of the last tokens.

        It ends when the likeliest draft of its length is one that ends. To compare drafts of
        several lengths would take a bonus for words: without one, the shortest wins.
        """
        first, read = self._again(draft, heard)
        growing = [read.at(0, draft.said[:first], len(draft.opening) + first)]
        while len(growing[0].said) < room:
            options = self._options(growing)
            goes_on = [
                (one, token)
                for one, token in options
                if token != self._end and not loops([*(s.token for s in one.said), token])
            ]
            best, token = options[0]
            if token == self._end or not goes_on:
                return self._ended(best)
            growing = self._read(goes_on[: self.beam])
        return self._ended(growing[0])

    def _options(self, growing: Sequence[Growing]) -> list[tuple[Growing, int]]:
        """Return drafts with a token that may be next, the likeliest first: twice the beam."""
        options: list[tuple[float, Growing, int]] = []
        for one in growing:
            best = one.row.topk(self.beam + 1)
            pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
            options += [(one.total + chance, one, token) for chance, token in pairs]
        options.sort(key=lambda option: -option[0])
        return [(one, token) for _, one, token in options[: 2 * self.beam]]

    def _again(self, draft: Draft, heard: tuple[KeyValue, ...]) -> tuple[int, Read]:
        """Read the last tokens of `draft` again; return the place of the first of them too."""
        lead = len(draft.opening) - 1
        reads = [*draft.opening, *draft.tokens]
        first = max(draft.committed, len(draft.said) - self.unstable)
        begin = lead + first if draft.text else 0
        past = TextState(heard, draft.text).cut(begin).text if begin else ()
        hidden, text, asked = self._model.decode_asking(
            torch.tensor([reads[begin:]]), TextState(heard, past)
        )
        rows = self._chances(hidden[0, lead + first - begin :])
        asked = [each[:, lead + first - begin :] for each in asked]
        return first, Read(rows, heard_best(self._recogniser, asked, heard), text)

    def _read(self, pairs: Sequence[tuple[Growing, int]]) -> list[Growing]:
        """Return each draft of `pairs` with its next token, read side by side."""
        states = [one.text for one, _ in pairs]
        text = tuple(
            (torch.cat([k for k, _ in layer]), torch.cat([v for _, v in layer]))
            for layer in zip(*(state.text for state in states), strict=True)
        )
        heard = states[0].sound
        every = tuple(
            (k.expand(len(pairs), -1, -1, -1), v.expand(len(pairs), -1, -1, -1)) for k, v in heard
        )
        tokens = torch.tensor([[token] for _, token in pairs])
        hidden, grown, asked = self._model.decode_asking(tokens, TextState(every, text))
        rows = self._chances(hidden[:, 0])
        # of one sound: drafts ask as places of one draft would
        frames = heard_best(self._recogniser, [each.transpose(0, 1) for each in asked], heard)
        read = []
        for number, (one, token) in enumerate(pairs):
            own = tuple((k[number : number + 1], v[number : number + 1]) for k, v in grown.text)
            said = (*one.said, Said(token, float(one.row[token]), one.frame))
            read.append(Growing(said, TextState(heard, own), rows[number], frames[number]))
        return read

    def _ended(self, growing: Growing) -> Draft:
        total = growing.total + float(growing.row[self._end])
        return Draft((), growing.said, 0, growing.text.text, total)

    def _chances(self, hidden: Tensor) -> Tensor:
        scores = self._model.logits(hidden)
        scores[:, self._never] = NEVER
        scores[:, self._end] += self._patience
        return scores.log_softmax(1)


def heard_best(
    recogniser: WhisperModel, asked: Sequence[Tensor], heard: Sequence[KeyValue]
) -> list[int]:
    """Return the frame that each position looked at most.

    `asked` (1, positions, width) is each layer's input to its cross-attention over `heard`.
    """
    total = None
    for layer, head in recogniser.heads:
        module = recogniser.model.decoder.layers[layer]
        assert isinstance(module, DecoderLayer)
        scores = module.cross_attention.scores(asked[layer], heard[layer][0])
        looked = scores[0, head].softmax(1)
        total = looked if total is None else total + looked
    assert total is not None
    frames: list[int] = total.argmax(1).tolist()
    return frames


def loops(tokens: Sequence[int]) -> bool:
    """Tell whether `tokens` end in a phrase that was said again and again."""
    for length in range(1, min(LONGEST_LOOP, len(tokens) // LOOPS) + 1):
        times = STUTTERS if length == 1 else LOOPS
        phrase = tokens[-length:]
        if len(tokens) >= times * length and all(
            tokens[-length * (i + 1) : -length * i] == phrase for i in range(1, times)
        ):
            return True
    return False


def _held(said: list[Said], first: int, rows: Tensor, frames: list[int]) -> tuple[list[Said], int]:
    """Return the tokens that hold after another look, and how many of the looked-at ones do.

    Row i is what is said after token `first` + i - 1. A token holds if it became no less
    likely, or is still the likeliest.
    """
    for index, old in enumerate(said[first:]):
        row = rows[index]
        chance = float(row[old.token])
        if chance < old.chance and int(row.argmax()) != old.token:
            return said[: first + index], index
        said[first + index] = Said(old.token, chance, frames[index])
    return said, len(said) - first


def _never(recogniser: WhisperModel) -> Tensor:
    """Return the tokens that no caption holds: special ones, times, marks nobody says."""
    tokenizer = recogniser.tokenizer
    vocabulary = recogniser.model.config.vocabulary
    never = {*tokenizer.muted, *range(tokenizer.end + 1, vocabulary)} - {tokenizer.end}
    return torch.tensor(sorted(never))

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

from models.asr.recogniser import Recogniser
from models.asr.rules import NEVER
from models.asr.whisper import DecoderLayer, KeyValue, TextState

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


class Writer:
    """Writes drafts; shared by all streams.

    `unstable` is how many tokens another look may drop, `patience` is added to the score of
    "end of text", and `beam` is how many drafts go on; 1 is greedy.
    """

    def __init__(
        self, recogniser: Recogniser, *, unstable: int, patience: float, beam: int = 1
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

    def look(
        self, drafts: Sequence[Draft], heard: tuple[KeyValue, ...], most: int
    ) -> tuple[Draft, ...]:
        """Return the drafts, best first, after a look at `heard`; none is over `most` tokens long.

        `drafts` agree on what is committed.
        """
        first = drafts[0]
        room = min(most, self._model.config.text_context - len(first.opening))
        growing = [self._again(draft, heard) for draft in drafts]
        grown = self._greedy(growing[0], room) if self.beam == 1 else self._search(growing, room)
        return tuple(replace(d, opening=first.opening, committed=first.committed) for d in grown)

    def _again(self, draft: Draft, heard: tuple[KeyValue, ...]) -> Growing:
        """Look at the last tokens of `draft` again, and drop what does not hold."""
        lead, said = len(draft.opening) - 1, list(draft.said)
        reads = [*draft.opening, *draft.tokens]
        first = max(draft.committed, len(said) - self.unstable)
        begin = lead + first if draft.text else 0
        past = TextState(heard, draft.text).cut(begin).text if begin else ()
        hidden, text, asked = self._model.decode_asking(
            torch.tensor([reads[begin:]]), TextState(heard, past)
        )
        rows = self._chances(hidden[0, lead + first - begin :])
        frames = heard_best(self._recogniser, asked, heard, lead + first - begin)
        said, held = _held(said, first, rows, frames)
        if held < len(rows) - 1:
            text = text.cut(lead + first + held + 1)
        return Growing(tuple(said), text, rows[held], frames[held])

    def _greedy(self, growing: Growing, room: int) -> list[Draft]:
        while len(growing.said) < room:
            token = int(growing.row.argmax())
            if token == self._end or loops([*(s.token for s in growing.said), token]):
                break
            growing = self._read(growing, token)
        return [self._ended(growing)]

    def _search(self, growing: list[Growing], room: int) -> list[Draft]:
        """Return the best drafts that a beam search finds, each ended where it wants to end."""
        done: dict[tuple[int, ...], Draft] = {}
        last = growing
        for _ in range(room + 1):
            options: list[tuple[float, Growing, int]] = []
            for one in growing:
                best = one.row.topk(self.beam + 1)
                pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
                options += [(one.total + chance, one, token) for chance, token in pairs]
            options.sort(key=lambda option: -option[0])
            last, growing, seen = growing, [], set[tuple[int, ...]]()
            for _, one, token in options[: 2 * self.beam]:
                tokens = tuple(said.token for said in one.said)
                if token == self._end:
                    done.setdefault(tokens, self._ended(one))
                elif self._goes_on((*tokens, token), seen, room):
                    growing.append(self._read(one, token))
            if len(done) >= self.beam or not growing:
                break
        found = list(done.values()) or [self._ended(one) for one in last]
        return sorted(found, key=lambda d: -d.total / (len(d.said) + 1))[: self.beam]

    def _goes_on(self, tokens: tuple[int, ...], seen: set[tuple[int, ...]], room: int) -> bool:
        """Tell whether a draft of `tokens` is worth a place in the beam; it is `seen` then."""
        if tokens in seen or len(seen) >= self.beam or len(tokens) > room or loops(tokens):
            return False
        seen.add(tokens)
        return True

    def _read(self, growing: Growing, token: int) -> Growing:
        said = (*growing.said, Said(token, float(growing.row[token]), growing.frame))
        hidden, text, asked = self._model.decode_asking(torch.tensor([[token]]), growing.text)
        frame = heard_best(self._recogniser, asked, text.sound, 0)[0]
        return Growing(said, text, self._chances(hidden[0])[0], frame)

    def _ended(self, growing: Growing) -> Draft:
        total = growing.total + float(growing.row[self._end])
        return Draft((), growing.said, 0, growing.text.text, total)

    def _chances(self, hidden: Tensor) -> Tensor:
        scores = self._model.logits(hidden)
        scores[:, self._never] = NEVER
        scores[:, self._end] += self._patience
        return scores.log_softmax(1)


def heard_best(
    recogniser: Recogniser, asked: Sequence[Tensor], heard: Sequence[KeyValue], first: int
) -> list[int]:
    """Return the frame that each position from `first` looked at most.

    `asked` is each layer's input to its cross-attention over `heard`.
    """
    total = None
    for layer, head in recogniser.heads:
        module = recogniser.model.decoder.layers[layer]
        assert isinstance(module, DecoderLayer)
        scores = module.cross_attention.scores(asked[layer][:, first:], heard[layer][0])
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


def _never(recogniser: Recogniser) -> Tensor:
    """Return the tokens that no caption holds: special ones, times, marks nobody says."""
    tokenizer = recogniser.tokenizer
    vocabulary = recogniser.model.config.vocabulary
    never = {*tokenizer.muted, *range(tokenizer.end + 1, vocabulary)} - {tokenizer.end}
    return torch.tensor(sorted(never))

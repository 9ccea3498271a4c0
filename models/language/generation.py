"""Answers that are generated at the same time: a step reads a part of a prompt, or makes a token.

A long prompt is read in parts, so it never holds up answers that are in the middle. The tokens of
answers that step together come from one run. An answer then moves to a row of the batch, where all
rows have as many slots as the longest; an answer alone keeps its own cache.
"""

import itertools
import weakref
from collections.abc import Collection, Sequence

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

from models.errors import EngineError
from models.language.decoder import TokenConfidence
from models.language.engine_cache import EMPTY, GROWTH, EngineCache, cache_state
from models.language.engine_decoder import EngineDecoder

PROMPT_PART = 64  # tokens of a prompt that are read in a step
NUMBERS = itertools.count()  # of answers, in the order in which they begin


class Generation:
    """One answer. Its cache holds what comes before the prompt, and is used up by it.

    `over` says whether it has ended: with a token of `stop`, or after `max_tokens`.
    """

    def __init__(
        self,
        decoder: EngineDecoder,
        cache: EngineCache,
        prompt: Tensor,
        *,
        max_tokens: int,
        stop: Collection[int] = (),
        confidence: TokenConfidence | None = None,
    ) -> None:
        """Answer `prompt`, embeddings (count, width) of at least one token, after `cache`."""
        self.number = next(NUMBERS)
        self.over = max_tokens < 1
        self.cache: EngineCache | None = cache  # None in a row of a batch
        self.position = cache.position
        self.waiting = prompt
        self._decoder = decoder
        self._left, self._stop, self._confidence = max_tokens, stop, confidence

    def read(self, count: int) -> Tensor:
        """Read the next `count` waiting tokens in the cache of this answer alone.

        Returns the scores of the token after them. `take` goes on from there, `unread` goes back.

        Raises:
            EngineError: the run failed; nothing was read.
        """
        assert self.cache is not None
        length = self.cache.length
        places = torch.arange(self.position, self.position + count)
        try:
            return self._decoder.read(self.waiting[:count], self.cache, places).scores
        except EngineError:
            self.unread(self.cache.length - length)
            raise

    def unread(self, count: int) -> None:
        """Forget the last `count` tokens that were read and not taken."""
        assert self.cache is not None
        self.cache.drop_last(count)

    def take(self, scores: Tensor, count: int) -> int | None:
        """Go on after `count` waiting tokens were read; return the next token, if there is one.

        `scores` are those of the token after them, (vocabulary,).
        """
        self.position += count
        self.waiting = self.waiting[count:]
        if len(self.waiting):
            return None
        token = int(scores.argmax())
        if token in self._stop:
            self.over = True
            return None
        if self._confidence is not None:
            self._confidence.tokens += 1
            self._confidence.log_probability += float(scores.float().log_softmax(-1)[token])
        self._left -= 1
        self.over = self._left == 0
        self.waiting = self._decoder.embed(torch.tensor([token]))
        return token


Scored = tuple[Generation, Tensor, int]  # scores after so many tokens were read


class GenerationBatch:
    """The answers of one decoder whose tokens come from common runs, in rows of one cache.

    One thread at a time may use it.
    """

    def __init__(self, decoder: EngineDecoder) -> None:
        self._decoder = decoder
        self._rows: list[weakref.ref[Generation]] = []  # one that nobody waits for is dropped
        self._whole: Tensor | None = None  # (layers, 2, rows, key heads, slots, head width)
        self._filled = torch.zeros(0, 0, dtype=torch.bool)  # (rows, slots)
        self._next: list[int] = []  # the slot of each row's next token

    def start(
        self,
        cache: EngineCache,
        prompt: Tensor,
        *,
        max_tokens: int,
        stop: Collection[int] = (),
        confidence: TokenConfidence | None = None,
    ) -> Generation:
        """Return an answer to `prompt` after `cache`, for `step`; see `Generation`."""
        return Generation(
            self._decoder,
            cache,
            prompt,
            max_tokens=max_tokens,
            stop=stop,
            confidence=confidence,
        )

    @property
    def rows(self) -> int:
        """How many answers have a row."""
        return len(self._rows)

    @torch.no_grad()
    def step(self, generations: Sequence[Generation]) -> list[int | None]:
        """Return the next token of each, or None: it is over, or its prompt is not read yet.

        One part of a prompt is read at most: of the answer that began first.

        Raises:
            EngineError: a run failed; no answer has changed.
        """
        self._drop_finished()
        made = self._scores([each for each in generations if not each.over])
        tokens = {each: each.take(scores, count) for each, scores, count in made}
        return [tokens.get(each) for each in generations]

    def _scores(self, going: Sequence[Generation]) -> list[Scored]:
        """Return what each of `going` read, and the scores after it."""
        talking = [each for each in going if len(each.waiting) == 1]
        together = len(talking) > 1 or any(each.cache is None for each in talking)
        prompts = sorted((each for each in going if each not in talking), key=lambda g: g.number)
        made: list[Scored] = []
        try:
            for each in [*prompts[:1], *([] if together else talking)]:
                count = min(len(each.waiting), PROMPT_PART)
                made.append((each, each.read(count), count))
            if together:
                made += self._run(talking)
        except EngineError:
            for each, _, count in made:
                each.unread(count)
            raise
        return made

    def _run(self, chosen: Sequence[Generation]) -> list[Scored]:
        """Read one token of each of `chosen`; the other rows are computed, and not used."""
        for each in chosen:
            if each.cache is not None:
                self._join(each)
        rows = {each(): row for row, each in enumerate(self._rows)}
        places = [rows[each] for each in chosen]
        low, high = (0, len(self._rows)) if len(places) > 1 else (places[0], places[0] + 1)
        if max(self._next[low:high]) >= self._filled.shape[1]:
            self._resize(0, self._filled.shape[1] + GROWTH)
        x = torch.zeros(high - low, self._decoder.config.width)
        positions = torch.zeros(high - low, dtype=torch.int64)
        for each, row in zip(chosen, places, strict=True):
            x[row - low], positions[row - low] = each.waiting[0], each.position
        start = torch.tensor(self._next[low:high])
        seen = self._filled[low:high].clone()
        seen[torch.arange(high - low), start] = True
        state = cache_state(self._buffers[:, :, low:high])
        scores = self._decoder.run_rows(x, state, positions, start, seen)
        for row in places:
            self._filled[row, self._next[row]] = True
            self._next[row] += 1
        return [(each, scores[row - low], 1) for each, row in zip(chosen, places, strict=True)]

    def _join(self, generation: Generation) -> None:
        """Move the cache of `generation` to a new row."""
        cache = generation.cache
        assert cache is not None
        assert cache.hidden is None
        row, slots = len(self._rows), max(cache.slots, self._filled.shape[1])
        self._resize(row + 1, slots)
        self._buffers[:, :, row, :, : cache.slots] = cache.whole[:, :, 0]
        self._filled[row, : cache.slots] = cache.index > EMPTY
        self._next.append(cache.next_slot)
        self._rows.append(weakref.ref(generation))
        generation.cache = None

    def _drop_finished(self) -> None:
        """Close the gaps of answers that are over, or that nobody waits for any more."""
        for row in reversed(range(len(self._rows))):
            held = self._rows[row]()
            if held is None or held.over:
                last = len(self._rows) - 1
                if row != last:
                    self._buffers[:, :, row] = self._buffers[:, :, last]
                    self._filled[row] = self._filled[last]
                    self._rows[row], self._next[row] = self._rows[last], self._next[last]
                self._rows.pop()
                self._next.pop()
                self._filled[last] = False
        if not self._rows:
            self._whole, self._filled = None, self._filled[:0, :0]

    def _resize(self, rows: int, slots: int) -> None:
        """Make room for at least `rows` rows of at least `slots` slots."""
        more_rows = max(0, rows - self._filled.shape[0])
        more_slots = max(0, slots - self._filled.shape[1])
        if more_rows or more_slots:
            padding = (0, 0, 0, more_slots, 0, 0, 0, more_rows)
            self._whole = F.pad(self._buffers, padding)
            self._filled = F.pad(self._filled, (0, more_slots, 0, more_rows))

    @property
    def _buffers(self) -> Tensor:
        """The cache of all rows."""
        if self._whole is None:
            decoder, config = self._decoder, self._decoder.config
            shape = (config.layers, 2, 0, config.key_heads, 0, config.head_width)
            self._whole = torch.zeros(shape, device=decoder.device, dtype=decoder.dtype)
        return self._whole

"""Streaming captions from a causal Whisper: every block of sound is encoded and heard once.

After each block the decoder looks again at its last tokens with the new sound, drops those
that became less likely and are no longer the best, and goes on until it says "end of text".
Keys and values of sound and text are kept, so a block costs the same however long the stream.
Words with two more tokens after them are committed.

Source: CarelessWhisper, Krichli et al. 2025, section 3.4 (greedy decoding, stability rule).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from models.asr.align import FRAME
from models.asr.causal import Blocks, CausalEncoder, EncoderState
from models.asr.mel import Samples
from models.asr.recogniser import Recogniser
from models.asr.rules import NEVER
from models.asr.running_mel import RunningMel, RunningMelState
from models.asr.whisper import DecoderLayer, KeyValue, TextState
from models.asr.words import RATE, Heard, Word

UNSTABLE = 2  # tokens at the end that another look may drop


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalConfig:
    """How to stream.

    `chunk` is frames of 20 ms: 5, 15 or 50 for models trained so. `patience` is added to the
    score of "end of text": below 0 it writes sooner, above 0 later. A stream is cut into
    windows: after `rotate` seconds where `pause` seconds brought no word, and at the end of
    the model's window anyway. `rate` bounds the text, in tokens a second of sound.
    """

    chunk: int = 15
    patience: float = 0.0
    rotate: float = 20.0
    pause: float = 1.0
    rate: float = 12.0
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A token, its last log-probability, and the frame of the window where it was found."""

    token: int
    chance: float
    frame: int


@dataclass(frozen=True, slots=True, eq=False)
class CausalState:
    """What a stream remembers; places are samples since the stream began.

    The window begins at `start`; `sound` is what was heard in it, float32 (n,). `text` has
    read the opening and all of `said` but the last. `committed` counts the tokens of `said`
    that will not change, `ends` is where the last committed word ended, `news` the frame at
    which the last token was written, and `reached` the latest place that was told.
    """

    sound: Samples
    start: int
    mel: RunningMelState
    encoder: EncoderState
    heard: tuple[KeyValue, ...] = ()
    text: TextState | None = None
    said: tuple[Said, ...] = ()
    committed: int = 0
    ends: int = 0
    news: int = 0
    reached: int = 0

    @property
    def frames(self) -> int:
        """How many frames of the window the decoder can look at."""
        return self.heard[0][0].shape[2] if self.heard else 0


class CausalStream:
    """A streaming recogniser: sound in, one `Heard` for each block."""

    def __init__(self, recogniser: Recogniser, config: CausalConfig | None = None) -> None:
        """Use `recogniser`, whose model was trained to hear in blocks."""
        self.config = config or CausalConfig()
        self.recogniser = recogniser
        self._model = recogniser.model
        self._mel = RunningMel(self._model.config.mels)
        self._encoder = CausalEncoder(self._model, Blocks(chunk=self.config.chunk))
        self._opening = recogniser.tokenizer.opening(self.config.language, timestamps=False)
        self._never = _never(recogniser)

    def init_state(self, start: int = 0) -> CausalState:
        """Return the state before any sound; its first sample will be sample `start`."""
        return self._window(start, self._mel.init_state())

    def _window(self, start: int, mel: RunningMelState) -> CausalState:
        return CausalState(
            np.zeros(0, np.float32), start, mel, self._encoder.init_state(), ends=start
        )

    @torch.inference_mode()
    def step(
        self, state: CausalState, samples: Samples, *, hurry: bool = False
    ) -> tuple[CausalState, list[Heard]]:
        """Consume float32 (n,) in [-1, 1] at 16 kHz, and listen after each block.

        With `hurry` all blocks are encoded before the decoder looks: for a caller who fell
        behind.
        """
        heard: list[Heard] = []
        rest = samples
        while len(rest):
            room = self._limit() - len(state.sound)
            state, news = self._hear(state, rest[:room], hurry)
            rest = rest[room:]
            heard += news
            if self._paused(state) or len(state.sound) >= self._limit():
                state, news, again = self._rotate(state)
                heard += news
                rest = np.concatenate([again, rest])
        return state, heard

    @torch.inference_mode()
    def flush(self, state: CausalState, last: Samples | None = None) -> list[Heard]:
        """Look at the sound that filled no block, and commit everything; `last` belongs to it."""
        if last is not None:
            state, earlier = self.step(state, last, hurry=True)
            return [*earlier, *self.flush(state)]
        frames = self._mel.flush(state.mel)
        encoder, blocks = state.encoder, list[Tensor]()
        if frames:
            encoder, blocks = self._encoder.step(encoder, torch.stack(frames, 1))
        blocks += self._encoder.flush(encoder)
        if blocks:
            state = self._decode(self._take(state, blocks))
        words = self._words(state, state.committed, len(state.said))
        return [Heard(tuple(words), (), state.start + len(state.sound))]

    def _limit(self) -> int:
        """Return how many samples a window holds; whole frames of a mel picture are known."""
        return self._model.config.audio_context * FRAME - RATE // 10

    def _hear(
        self, state: CausalState, samples: Samples, hurry: bool
    ) -> tuple[CausalState, list[Heard]]:
        mel, frames = self._mel.step(state.mel, samples)
        sound = np.concatenate([state.sound, samples], dtype=np.float32)
        state = replace(state, sound=sound, mel=mel)
        if not frames:
            return state, []
        encoder, blocks = self._encoder.step(state.encoder, torch.stack(frames, 1))
        state = replace(state, encoder=encoder)
        heard = []
        for group in [blocks] if hurry and blocks else [[block] for block in blocks]:
            state, news = self._commit(self._decode(self._take(state, group)))
            heard.append(news)
        return state, heard

    def _take(self, state: CausalState, blocks: Sequence[Tensor]) -> CausalState:
        """Let the decoder look at `blocks` too."""
        fresh = self._model.init_state(torch.cat(list(blocks))[None]).sound
        if state.heard:
            pairs = zip(state.heard, fresh, strict=True)
            fresh = tuple(
                (torch.cat([a[0], b[0]], 2), torch.cat([a[1], b[1]], 2)) for a, b in pairs
            )
        return replace(state, heard=fresh)

    def _decode(self, state: CausalState) -> CausalState:
        """Look at the last tokens again, drop what does not hold, and say what is new."""
        lead, said = len(self._opening) - 1, list(state.said)
        reads = [*self._opening, *(word.token for word in said)]
        first = max(state.committed, len(said) - UNSTABLE)
        begin = lead + first if state.text else 0
        past = state.text.cut(begin).text if state.text and begin else ()
        hidden, text, asked = self._model.decode_asking(
            torch.tensor([reads[begin:]]), TextState(state.heard, past)
        )
        rows = self._chances(hidden[0, lead + first - begin :])
        frames = self._looked(asked, state.heard, lead + first - begin)
        said, held = _held(said, first, rows, frames)
        if held < len(rows) - 1:
            text = text.cut(lead + first + held + 1)
        row, frame = rows[held], frames[held]
        bound = round(self.config.rate * state.frames * FRAME / RATE) + 4
        while len(said) < bound and text.length < self._model.config.text_context:
            token = int(row.argmax())
            if token == self.recogniser.tokenizer.end:
                break
            said.append(Said(token, float(row[token]), frame))
            hidden, text, asked = self._model.decode_asking(torch.tensor([[token]]), text)
            row, frame = self._chances(hidden[0])[0], self._looked(asked, state.heard, 0)[0]
        tokens = [word.token for word in said]
        news = state.news if tokens == [w.token for w in state.said] else state.frames
        return replace(state, text=text, said=tuple(said), news=news)

    def _chances(self, hidden: Tensor) -> Tensor:
        scores = self._model.logits(hidden)
        scores[:, self._never] = NEVER
        scores[:, self.recogniser.tokenizer.end] += self.config.patience
        return scores.log_softmax(1)

    def _looked(self, asked: list[Tensor], heard: tuple[KeyValue, ...], first: int) -> list[int]:
        """Return the frame that each position from `first` looked at most."""
        total = None
        for layer, head in self.recogniser.heads:
            module = self._model.decoder.layers[layer]
            assert isinstance(module, DecoderLayer)
            scores = module.cross_attention.scores(asked[layer][:, first:], heard[layer][0])
            looked = scores[0, head].softmax(1)
            total = looked if total is None else total + looked
        assert total is not None
        frames: list[int] = total.argmax(1).tolist()
        return frames

    def _commit(self, state: CausalState) -> tuple[CausalState, Heard]:
        """Commit the words that have UNSTABLE tokens after them."""
        tokens = [word.token for word in state.said]
        groups = self.recogniser.tokenizer.words(tokens[state.committed :], self.config.language)
        done = state.committed
        for group in groups[:-1]:
            if done + len(group) > len(tokens) - UNSTABLE:
                break
            done += len(group)
        committed = self._words(state, state.committed, done)
        ends = committed[-1].end if committed else state.ends
        tentative = self._words(replace(state, ends=ends), done, len(tokens))
        position = max(state.reached, state.start + state.frames * FRAME)
        state = replace(state, committed=done, ends=ends, reached=position)
        return state, Heard(tuple(committed), tuple(tentative), position)

    def _words(self, state: CausalState, first: int, last: int) -> list[Word]:
        """Return tokens `first` to `last` as words, in order, after the last committed one."""
        tokenizer = self.recogniser.tokenizer
        words, said, until = [], state.ends, state.start + state.frames * FRAME
        for group in tokenizer.words([s.token for s in state.said[first:last]]):
            parts = state.said[first : first + len(group)]
            first += len(group)
            start = min(until, max(said, state.start + parts[0].frame * FRAME))
            core = parts[: tokenizer.core(group)]
            said = min(until, max(start, state.start + (core[-1].frame + 1) * FRAME))
            probability = float(np.exp([part.chance for part in parts]).mean())
            words.append(Word(tokenizer.decode(group), start, said, probability))
        return words

    def _paused(self, state: CausalState) -> bool:
        """Tell whether the window is old, and nothing was said for a while."""
        quiet = (state.frames - state.news) * FRAME
        return state.frames * FRAME > self.config.rotate * RATE and quiet > self.config.pause * RATE

    def _rotate(self, state: CausalState) -> tuple[CausalState, list[Heard], Samples]:
        """Begin a window: at the pause, or where the last committed word ended, if that is late.

        Returns the sound after that place too, which the new window has to hear.
        """
        amid = state.ends > state.start + self._limit() // 2 and not self._paused(state)
        if amid:
            words, cut = [], state.ends
        else:
            words = self._words(state, state.committed, len(state.said))
            cut = state.start + max(0, state.frames * FRAME - RATE // 2)
        cut -= (cut - state.start) % FRAME
        again = state.sound[cut - state.start :]
        fresh = self._window(cut, self._mel.init_state(state.mel.loudest))
        fresh = replace(fresh, reached=state.reached)
        return fresh, [Heard(tuple(words), (), state.reached)] if words else [], again


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

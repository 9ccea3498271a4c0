"""Speech of any language to English text while it is spoken, by translating it again.

Every step translates the sound of the turn so far. What two translations in a row begin with is
stable: it is forced in the next one, so it does not change, and only words after it flicker. A long
turn is cut in its last pause, and what was before the cut is stable as a whole. When the turn is
over, what was not cut is translated once more, with a beam and nothing forced: only the whole
sentence shows what its beginning means.

Sources: re-translation, Arivazhagan et al. 2020; LocalAgreement-2, Liu et al. 2020.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch

from models.asr.speech_activity import VoiceActivityDetector, detect_speech
from models.asr.streaming.common_prefix import common_prefix
from models.asr.streaming.short_window import ShortWindow
from models.asr.whisper.decode import DecodeConfig, decode
from models.asr.whisper.greedy import greedy
from models.asr.whisper.loading import WhisperModel
from models.asr.whisper.logit_filters import LogitFilters
from models.asr.whisper.mel import Samples
from models.asr.whisper.repetition import may_be_loop
from models.asr.whisper.tokenizer import comparable
from models.asr.words import RATE

LONGEST_PIECE = 20 * RATE  # samples that are translated at once: beyond, it is cut in a pause
SHORTEST_PIECE = 8 * RATE  # samples before the pause in which a piece is cut
MIN_SAMPLES = RATE // 2  # less sound is not translated
NO_SPEECH = 0.7  # above this "no speech" probability there is nothing to translate
HELD_BACK = 2  # tentative words at the end that are not shown yet
MAX_TOKEN_RATE = 8.0  # tokens of English per second of sound

Words = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class EnglishText:
    """The English text so far; `tentative` words after the `stable` ones may still change."""

    stable: str
    tentative: str

    @property
    def text(self) -> str:
        return (self.stable + self.tentative).strip()


@dataclass(frozen=True, slots=True, eq=False)
class TranslationState:
    """`sound`, float32 (n,), is what may still be translated in another way.

    `settled` is the text of the sound before it. Of the last translation of `sound`, `agreed` are
    the words that no longer change, and `rest` those after them.
    """

    sound: Samples
    settled: str = ""
    agreed: Words = ()
    rest: Words = ()


class LiveTranslation:
    """A translator from `language` to English, as a streaming model; sessions share it.

    Raises:
        ValueError: the model does not know the language, or cannot translate.
    """

    def __init__(
        self,
        recognizer: WhisperModel,
        detector: VoiceActivityDetector,
        language: str,
        window: ShortWindow | None = None,
    ) -> None:
        self._recognizer = recognizer
        self._detector = detector
        self._window = window or ShortWindow(recognizer.encoder)
        self._filters = LogitFilters(recognizer.tokenizer, timestamps=False)
        self._config = DecodeConfig(
            language=language,
            task="translate",
            timestamps=False,
            temperatures=(0.0,),
            silence=NO_SPEECH,
        )
        self._opening = recognizer.tokenizer.opening(language, timestamps=False, task="translate")

    def init_state(self) -> TranslationState:
        return TranslationState(np.zeros(0, np.float32))

    def step(
        self, state: TranslationState, samples: Samples
    ) -> tuple[TranslationState, tuple[EnglishText]]:
        """Take float32 (n,) at 16 kHz, and translate what is not settled once."""
        sound = np.concatenate([state.sound, samples], dtype=np.float32)
        state = self._settled(replace(state, sound=sound))
        now = self._translate(state, state.sound)
        if now is None:
            return state, (self._shown(state),)
        agreed = common_prefix(
            self._recognizer.tokenizer,
            [list(word) for word in state.rest],
            [list(word) for word in now],
        )
        tokens = [token for word in now for token in word]
        later = self._recognizer.tokenizer.words(tokens[sum(map(len, agreed)) :], "en")
        state = replace(
            state,
            agreed=(*state.agreed, *map(tuple, agreed)),
            rest=tuple(map(tuple, later)),
        )
        return state, (self._shown(state),)

    def flush(self, state: TranslationState, last: Samples | None = None) -> tuple[EnglishText]:
        """Return the final translation, of which all is stable; `last` is sound before the end."""
        if last is not None:
            sound = np.concatenate([state.sound, last], dtype=np.float32)
            state = replace(state, sound=sound)
        state = self._settled(state)
        text = self._final(state.sound)
        if text is None:
            text = self._text((*state.agreed, *state.rest))
        return (EnglishText(state.settled + text, ""),)

    def _settled(self, state: TranslationState) -> TranslationState:
        """Settle what is before the last pause of a sound that is too long."""
        while len(state.sound) > LONGEST_PIECE:
            cut = self._cut(state.sound)
            found = self._translate(state, state.sound[:cut])
            words = (*state.agreed, *(state.rest if found is None else found))
            state = TranslationState(state.sound[cut:], state.settled + self._text(words))
        return state

    def _cut(self, sound: Samples) -> int:
        """Return the middle of the last pause in which `sound` may be cut, or its longest piece."""
        speech = detect_speech(self._detector, sound[:LONGEST_PIECE])
        pauses = [(before[1] + after[0]) // 2 for before, after in pairwise(speech)]
        return max((place for place in pauses if place >= SHORTEST_PIECE), default=LONGEST_PIECE)

    @torch.inference_mode()
    def _translate(self, state: TranslationState, sound: Samples) -> Words | None:
        """Return the words of the translation of `sound` after those that are agreed.

        None if nothing new is heard, or it is a loop: the next translation hears more.
        """
        if len(sound) < MIN_SAMPLES:
            return None
        tokenizer = self._recognizer.tokenizer
        forced = [token for word in state.agreed for token in word]
        room = 10 + round(MAX_TOKEN_RATE * len(sound) / RATE) - len(forced)
        found = greedy(
            self._recognizer.decoder,
            self._filters,
            self._recognizer.decoder.open(self._window.encode(sound)),
            self._opening,
            forced=forced,
            draft=[token for word in state.rest for token in word],
            max_tokens=max(1, room),
        )
        if found.no_speech > NO_SPEECH:
            return None
        words = tokenizer.words(found.tokens, "en")
        if may_be_loop([comparable(tokenizer, word) for word in words]):
            return None
        return tuple(map(tuple, words))

    @torch.inference_mode()
    def _final(self, sound: Samples) -> str | None:
        """Return the translation of `sound` by itself, None if it has none."""
        if len(sound) < MIN_SAMPLES:
            return None
        tokenizer, decoder = self._recognizer.tokenizer, self._recognizer.decoder
        opened = decoder.open(self._window.encode(sound))
        rng = torch.Generator().manual_seed(0)  # not drawn from at temperature 0
        found = decode(decoder, tokenizer, opened, self._config, rng=rng)
        words = [comparable(tokenizer, word) for word in tokenizer.words(found.tokens, "en")]
        if found.is_silent(self._config) or may_be_loop(words):
            return None
        return tokenizer.decode(found.tokens)

    def _shown(self, state: TranslationState) -> EnglishText:
        """Return the text so far without the last words, which change most often (mask-k)."""
        shown = state.rest[: max(0, len(state.rest) - HELD_BACK)]
        return EnglishText(state.settled + self._text(state.agreed), self._text(shown))

    def _text(self, words: Sequence[Sequence[int]]) -> str:
        return self._recognizer.tokenizer.decode([token for word in words for token in word])

"""Transcribe a recording of any length, in windows of its speech.

The detector says what is speech; silence between is not transcribed, so nothing is invented for
it. A window ends in a pause, or between two words if there is none. Whisper sometimes ends its
transcript early or skips a sentence: speech without words is transcribed again by itself.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from models.asr.offline.speech_audio import Hear, SpeechAudio
from models.asr.offline.window_transcript import WindowTranscriber
from models.asr.offline.windows import MAX_WINDOW, Window
from models.asr.speech_activity import Region, Samples, VoiceActivityDetector, clipped, total
from models.asr.whisper.decode import DecodeConfig
from models.asr.whisper.loading import WhisperModel
from models.asr.words import RATE, RecognizedWord, is_spelled, join_words, longest

# Takes samples, the regions of them that hold speech, and the text before; returns their words.
TranscribeWindow = Callable[[Samples, Sequence[Region], str], list[RecognizedWord]]

BREAK_SEARCH = 8 * RATE  # samples before the end of a broken window in which to break it
BREAK_CONTEXT = RATE  # samples that the last word before a break has after it
MIN_HEARD = RATE * 4 // 25  # samples of speech in a window: less is no word, but may sound like one
MIN_MISSED = RATE  # samples of speech without a word that are transcribed again
MIN_MISSED_ALONE = RATE // 4  # the same for speech with pauses on both sides
MIN_PROBABILITY = 0.5  # mean of the words found so: those invented for breath were below 0.45


@dataclass(frozen=True, slots=True)
class TranscribedPart:
    """The words of the next part of a recording, and the part's end in samples."""

    words: list[RecognizedWord]
    end: int


def transcribe(
    recognizer: WhisperModel,
    detector: VoiceActivityDetector,
    samples: Samples,
    *,
    config: DecodeConfig | None = None,
) -> list[RecognizedWord]:
    """Return the words of `samples`, float32 (n,) in [-1, 1] at 16 kHz, of any length.

    Raises:
        ValueError: `samples` is not 1-D, or the model does not know the language.
    """
    if samples.ndim != 1:
        raise ValueError(f"expected mono samples (n,), got {samples.shape}")
    parts = transcribe_chunks(recognizer, detector, [samples], config=config)
    return [word for part in parts for word in part.words]


def transcribe_chunks(
    recognizer: WhisperModel,
    detector: VoiceActivityDetector,
    chunks: Iterable[Samples],
    *,
    config: DecodeConfig | None = None,
    hear: Hear | None = None,
) -> Iterator[TranscribedPart]:
    """Yield the words of a recording part by part; `chunks` are read as they are needed.

    About a minute is held at a time. The sizes of the chunks change nothing. `hear` gets all that
    is read.

    Raises:
        ValueError: the model does not know the language.
    """
    windows = WindowTranscriber(recognizer, config or DecodeConfig())
    return transcribe_windows(windows.transcribe, SpeechAudio(detector, iter(chunks), hear))


def transcribe_windows(
    hear: TranscribeWindow, audio: SpeechAudio, *, max_window: int = MAX_WINDOW
) -> Iterator[TranscribedPart]:
    """Yield the words that `hear` finds in the windows of `audio`, each of `max_window` samples."""
    position, prompt = 0, ""
    while (window := audio.next_window(position, max_window)) or not audio.ended:
        if window is None:
            position = max(position, audio.end - RATE)  # a word may have started
            audio.drop(position)
            audio.read()
            yield TranscribedPart([], position)
            continue
        words = _transcribe_window(hear, audio, window, prompt)
        position, prompt = window.end, ""
        if window.broken and (count := _words_before_break(words, position)):
            position, prompt = _between(words[count - 1], words[count]), join_words(words[:count])
            words = words[:count]
        yield TranscribedPart(words, position)
        audio.drop(position)
    yield TranscribedPart([], audio.end)


def _transcribe_window(
    hear: TranscribeWindow, audio: SpeechAudio, window: Window, prompt: str
) -> list[RecognizedWord]:
    """Return the words of `window`, in samples of the recording."""
    samples = np.concatenate([audio.samples(*span) for span in window.spans])
    speech = [(window.in_window(first), window.in_window(last)) for first, last in window.speech]
    return [
        replace(
            word,
            start=window.in_recording(word.start),
            end=window.in_recording(word.end, end=True),
        )
        for word in _all_words(hear, samples, speech, prompt)
    ]


def _all_words(
    hear: TranscribeWindow, samples: Samples, speech: Sequence[Region], prompt: str = ""
) -> list[RecognizedWord]:
    """Return the words of a window; speech between them that holds none is transcribed again."""
    words = hear(samples, speech, prompt) if total(speech) >= MIN_HEARD else []
    found: list[RecognizedWord] = []
    edges = [
        0,
        *(place for word in words for place in (word.start, _heard_until(word))),
        len(samples),
    ]
    for index in range(0, len(edges), 2):
        first, last = edges[index], edges[index + 1]
        missed = clipped(speech, first, last)
        if words and total(missed) < total(speech) and _is_missed(missed, speech):
            again = _all_words(
                hear, samples[first:last], [(a - first, b - first) for a, b in missed]
            )
            if again and np.mean([word.probability for word in again]) >= MIN_PROBABILITY:
                found += [
                    replace(word, start=word.start + first, end=word.end + first) for word in again
                ]
        found += words[index // 2 : index // 2 + 1]
    return found


def _heard_until(word: RecognizedWord) -> int:
    """Return the end of what may be `word`: a number or an address has pauses in it."""
    return max(word.end, word.start + longest(word.text)) if is_spelled(word.text) else word.end


def _is_missed(gap: Sequence[Region], speech: Sequence[Region]) -> bool:
    """Return whether the speech in a gap between words is more than the rest of those words."""
    alone = [region for region in gap if region in speech]
    return total(gap) >= MIN_MISSED or total(alone) >= MIN_MISSED_ALONE


def _words_before_break(words: Sequence[RecognizedWord], end: int) -> int:
    """Return after how many words to break a window that ends at `end` within speech, or 0.

    That is the longest gap between two words that are near the end, but have sound after them.
    """
    gaps = [
        (after.start - before.end, count)
        for count, (before, after) in enumerate(pairwise(words), 1)
        if end - BREAK_SEARCH <= before.end <= end - BREAK_CONTEXT
    ]
    return max(gaps, default=(0, 0))[1]


def _between(before: RecognizedWord, after: RecognizedWord) -> int:
    return (before.end + after.start) // 2

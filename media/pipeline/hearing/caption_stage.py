"""The sound of turns to captions: the second stage of hearing."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import numpy as np

from media.channel import Channel
from media.events import Caption, CaptionWord, Question
from media.frames import SAMPLE_RATE
from media.pipeline.context import SessionContext
from media.pipeline.hearing.made_up import without_made_up
from media.pipeline.hearing.speakers import SpeakerLabels
from media.pipeline.hearing.turn_items import TurnAudio, TurnEnd, TurnItem, TurnPause
from media.pipeline.interfaces import Samples
from media.pipeline.models.hearing import SpeechChunk
from media.servers.backlog import ShedError
from media.servers.server import ModelHandle
from media.servers.urgency import Urgency
from models.asr.speech_activity import FRAME, THRESHOLD, spoken_words
from models.asr.words import RecognizedWord, TranscriptUpdate
from models.speakers.windows import VoiceChunk

MAX_UNSTREAMED = 15.0  # seconds at the end of a turn that may have no interim caption


@dataclass(frozen=True, slots=True)
class WordsAtPause:
    """All words of a turn when it paused, after `frames` of the detector and `committed` words."""

    words: tuple[RecognizedWord, ...]
    frames: int
    committed: int


@dataclass(slots=True, eq=False)
class TurnTranscript:
    """The transcript of a turn in progress; `committed` words are stable, `tentative` are not.

    `speech` are the detector's probabilities of the turn so far, and `vad` its state: no word is
    shown where it hears no speech.
    """

    turn: int
    start: int
    asr: ModelHandle[Any, SpeechChunk, TranscriptUpdate]
    vad: ModelHandle[Any, Samples, float]
    position: int  # in the stream, up to which sound was recognized
    unrecognized: list[Samples] = field(default_factory=list)
    since: float | None = None  # when the first of it could have been recognized
    audio: list[Samples] = field(default_factory=list)  # all of it, for a final pass
    speech: list[float] = field(default_factory=list)
    committed: list[RecognizedWord] = field(default_factory=list)
    tentative: tuple[RecognizedWord, ...] = ()
    at_pause: WordsAtPause | None = None

    @property
    def waiting(self) -> float:
        """How many seconds of sound are not recognized."""
        return sum(map(len, self.unrecognized)) / SAMPLE_RATE

    def unrecognized_sound(self) -> Samples | None:
        """Return the sound that is not recognized."""
        return np.concatenate(self.unrecognized) if self.unrecognized else None

    def words_at_pause(self) -> tuple[RecognizedWord, ...] | None:
        """Return the words at the last pause, if nothing was said since."""
        known = self.at_pause
        if known is None or known.committed != len(self.committed):
            return None
        silent = all(probability < THRESHOLD for probability in self.speech[known.frames :])
        return known.words if silent else None

    def update(self, update: TranscriptUpdate) -> None:
        self.committed += spoken_words(update.committed, self.speech)
        self.tentative = tuple(spoken_words(update.tentative, self.speech))
        self.position = max(self.position, self.start + update.position)

    def caption(self, *, end: int | None) -> Caption:
        """Return the caption so far; it is final if the turn's `end` is known."""
        words = [*self.committed, *self.tentative]
        last = end if end is not None else self.start + (words[-1].end if words else 0)
        return Caption(
            turn=self.turn,
            words=tuple(self._placed(word) for word in words),
            stable=len(self.committed),
            start=self.start / SAMPLE_RATE,
            end=last / SAMPLE_RATE,
            heard=self.position / SAMPLE_RATE,
            final=end is not None,
        )

    def _placed(self, word: RecognizedWord) -> CaptionWord:
        start, end = self.start + word.start, self.start + word.end
        return CaptionWord(word.text, start / SAMPLE_RATE, end / SAMPLE_RATE)


class CaptionStage:
    """The caption stage; if the session wants it, a final caption becomes a question to `ask`."""

    def __init__(
        self,
        context: SessionContext,
        ask: Callable[[Question], Awaitable[None]],
        speakers: SpeakerLabels,
    ) -> None:
        self._context = context
        self._ask = ask
        self._speakers = speakers
        self._late_since: float | None = None  # when sound began to wait whose step was given up

    def delay(self) -> float:
        """Return how many seconds sound has waited whose step was given up."""
        return 0.0 if self._late_since is None else self._context.clock.now() - self._late_since

    async def run(self, turns: Channel[TurnItem]) -> None:
        """Send captions until `turns` ends. All waiting sound of a turn is one step."""
        transcript: TurnTranscript | None = None
        while items := await turns.receive_all():
            joined = _joined(items)
            for item, following in zip(joined, [*joined[1:], None], strict=True):
                if transcript is None or transcript.turn != item.turn:
                    transcript = await self._begin(item)
                match item:
                    case TurnEnd():
                        await self._end(transcript, item)
                        transcript = self._late_since = None
                    case TurnPause():
                        await self._pause(transcript, item)
                    case TurnAudio():
                        await self._keep(transcript, item)
                        over = isinstance(following, TurnEnd | TurnPause)
                        if not (over and self._behind(transcript, MAX_UNSTREAMED)):
                            await self._step(transcript, over=over)

    async def _step(self, transcript: TurnTranscript, *, over: bool) -> None:
        """Recognize what waits, and send an interim caption for each update that has words.

        If the machine is too slow for interim captions, it waits for the next step, which keeps
        the place; if the turn is `over`, that is its end.
        """
        transcript.since = transcript.since or transcript.asr.now()
        began = self._context.clock.now()
        skip = self._behind(transcript)
        chunk = SpeechChunk(transcript.unrecognized_sound(), skip_interim=skip)
        assert chunk.samples is not None
        transcript.unrecognized = []
        max_lag = self._context.limits.max_lag
        try:
            updates = await transcript.asr.step(
                chunk,
                Urgency.FINAL_CAPTION if over else Urgency.INTERIM_CAPTION,
                max_wait=inf if over or max_lag is None else max_lag,
                since=transcript.since,
            )
        except ShedError:
            self._context.counters.skipped_captions += 1
            transcript.unrecognized = [chunk.samples]
            self._late_since = self._late_since or began
            return
        transcript.since = self._late_since = None
        for update in updates:
            transcript.update(update)
            caption = transcript.caption(end=None)
            if caption.words:
                await self._send(await self._speakers.labelled(caption))

    def _behind(self, transcript: TurnTranscript, longest: float = inf) -> bool:
        """Return whether what waits, up to `longest` seconds, has no time for interim captions."""
        max_lag = self._context.limits.max_lag
        return max_lag is not None and max_lag < transcript.waiting <= longest

    async def _send(self, caption: Caption) -> None:
        await self._context.send(caption)
        if caption.words:
            now = self._context.clock.now()
            end = caption.words[-1].end
            self._context.counters.caption_sent(end, now, final=caption.final)

    async def _end(self, transcript: TurnTranscript, turn: TurnEnd) -> None:
        """Send the final caption of the turn, and ask it as a question if wanted."""
        if not turn.kept:
            return
        await self._finish(transcript)
        transcript.position = max(transcript.position, turn.end)
        last = VoiceChunk(transcript.start, np.zeros(0, np.float32), (), last=True)
        await self._speakers.hear(last, wanted=turn.config.speakers)
        caption = await self._speakers.labelled(transcript.caption(end=turn.end))
        await self._send(caption)
        if turn.config.respond and caption.text:
            question = Question(f"turn-{turn.turn}", caption.text, caption.end, turn.config.spoken)
            await self._ask(question)

    async def _begin(self, item: TurnItem) -> TurnTranscript:
        services = self._context.services
        return TurnTranscript(
            item.turn,
            item.start,
            asr=await services.recognizer.open(),
            vad=await services.detector.open(),
            position=item.start,
        )

    async def _keep(self, transcript: TurnTranscript, audio: TurnAudio) -> None:
        services, samples = self._context.services, audio.samples
        transcript.unrecognized.append(samples)
        if services.final_pass is not None:
            transcript.audio.append(samples)
        probabilities = await transcript.vad.step(samples)
        first = transcript.start + len(transcript.speech) * FRAME
        heard = without_made_up(probabilities, first, audio.made_up)
        transcript.speech += heard
        chunk = VoiceChunk(transcript.start, samples, heard)
        await self._speakers.hear(chunk, wanted=audio.speakers)

    async def _pause(self, transcript: TurnTranscript, pause: TurnPause) -> None:
        """Recognize the turn so far as if it were over, and give its words."""
        if pause.audio is not None:
            await self._keep(transcript, pause.audio)
        words = await self._all_words(transcript, peek=True)
        transcript.at_pause = WordsAtPause(words, len(transcript.speech), len(transcript.committed))
        if pause.shown and words and self._context.services.final_pass is None:
            transcript.tentative = words[len(transcript.committed) :]
            await self._send(await self._speakers.labelled(transcript.caption(end=None)))
        if not pause.words.done():
            pause.words.set_result(words)

    async def _finish(self, transcript: TurnTranscript) -> None:
        """Recognize the rest of the turn, or all of it again if there is a final pass."""
        words = transcript.words_at_pause()
        if words is None:
            words = await self._all_words(transcript, peek=False)
        transcript.committed, transcript.tentative = list(words), ()

    async def _all_words(
        self, transcript: TurnTranscript, *, peek: bool
    ) -> tuple[RecognizedWord, ...]:
        """Return the words of a turn that ends here, or with `peek` would end here."""
        final_pass = self._context.services.final_pass
        if final_pass is not None:
            audio = np.concatenate([np.zeros(0, np.float32), *transcript.audio])
            (found,) = await final_pass.run(audio)
            return tuple(found)
        end = SpeechChunk(transcript.unrecognized_sound(), last=not peek, peek=peek)
        words, rest = list(transcript.committed), tuple[RecognizedWord, ...]()
        for update in await transcript.asr.step(end, Urgency.FINAL_CAPTION):
            words += spoken_words(update.committed, transcript.speech)
            rest = update.tentative
            transcript.position = max(transcript.position, transcript.start + update.position)
        return (*words, *spoken_words(rest, transcript.speech))


def _joined(items: Sequence[TurnItem]) -> list[TurnItem]:
    """Return `items` with successive pieces of one turn's sound joined."""
    joined: list[TurnItem] = []
    for item in items:
        last = joined[-1] if joined else None
        if isinstance(item, TurnAudio) and isinstance(last, TurnAudio) and last.turn == item.turn:
            samples = np.concatenate([last.samples, item.samples])
            joined[-1] = replace(item, samples=samples)
        else:
            joined.append(item)
    return joined

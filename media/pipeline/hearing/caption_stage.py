"""The sound of turns to captions: the second stage of hearing."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np

from media.channel import Channel
from media.events.answers import Question
from media.events.hearing import Caption
from media.pipeline.context import SessionContext
from media.pipeline.hearing.made_up import without_made_up
from media.pipeline.hearing.speakers import SpeakerLabels
from media.pipeline.hearing.transcript import TurnTranscript, WordsAtPause
from media.pipeline.hearing.translation_stage import TranslationItem, TurnOver, TurnSound
from media.pipeline.hearing.turn_items import TurnAudio, TurnEnd, TurnItem, TurnPause
from media.pipeline.hearing.turn_language import TurnLanguages
from media.pipeline.interfaces import Samples
from media.pipeline.models.hearing import SpeechChunk
from media.servers.backlog import ShedError
from media.servers.server import ModelHandle
from media.servers.urgency import Urgency
from models.asr.speech_activity import FRAME, spoken_words
from models.asr.words import RecognizedWord, TranscriptUpdate
from models.speakers.windows import VoiceChunk

MAX_UNSTREAMED = 15.0  # seconds at the end of a turn that may have no interim caption


class CaptionStage:
    """The caption stage; if the session wants it, a final caption becomes a question to `ask`.

    The sound of turns that are translated goes on to `translations`.
    """

    def __init__(
        self,
        context: SessionContext,
        ask: Callable[[Question], Awaitable[None]],
        speakers: SpeakerLabels,
        translations: Channel[TranslationItem],
    ) -> None:
        self._context = context
        self._ask = ask
        self._speakers = speakers
        self._translations = translations
        self._languages = TurnLanguages(context)
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
        asr = await self._recognizer(transcript, over=over)
        if asr is None:
            return
        transcript.since = transcript.since or asr.now()
        began = self._context.clock.now()
        skip = self._behind(transcript)
        chunk = SpeechChunk(transcript.unrecognized_sound(), skip_interim=skip)
        assert chunk.samples is not None
        transcript.unrecognized = []
        max_lag = self._context.limits.max_lag
        try:
            updates = await asr.step(
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

    async def _recognizer(
        self, transcript: TurnTranscript, *, over: bool
    ) -> ModelHandle[Any, SpeechChunk, TranscriptUpdate] | None:
        """Return what recognizes the turn, once its language is known; None if nothing does yet."""
        if transcript.asr is not None:
            return transcript.asr
        if transcript.language is None:
            sound = np.concatenate([np.zeros(0, np.float32), *transcript.unrecognized])
            transcript.language = await self._languages.decide(
                transcript.turn, transcript.config, sound, over=over
            )
            if transcript.language is None:
                return None
            await self._translate(transcript, sound)
        if transcript.language.hearing is None:
            transcript.unrecognized = []
            return None
        transcript.asr = await transcript.language.hearing.recognizer.open()
        return transcript.asr

    async def _translate(self, transcript: TurnTranscript, samples: Samples) -> None:
        """Pass on the next sound of a turn that is translated."""
        if transcript.translate != "no" and transcript.language is not None:
            live = transcript.translate == "live"
            await self._translations.send(
                TurnSound(transcript.turn, transcript.language.code, samples, live)
            )

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
        if turn.kept:
            await self._finish(transcript)
        if transcript.translate != "no" and transcript.language is not None:
            asked = transcript.translate == "end"
            wanted = turn.kept and not (asked and transcript.understood)
            over = TurnOver(turn.turn, transcript.language.code, wanted, asked)
            await self._translations.send(over)
        if not turn.kept:
            return
        transcript.position = max(transcript.position, turn.end)
        last = VoiceChunk(transcript.start, np.zeros(0, np.float32), (), last=True)
        await self._speakers.hear(last, wanted=turn.config.speakers)
        caption = await self._speakers.labelled(transcript.caption(end=turn.end))
        await self._send(caption)
        if turn.config.respond and caption.text:
            question = Question(f"turn-{turn.turn}", caption.text, caption.end, turn.config.spoken)
            await self._ask(question)

    async def _begin(self, item: TurnItem) -> TurnTranscript:
        return TurnTranscript(
            item.turn,
            item.start,
            item.config,
            vad=await self._context.services.detector.open(),
            position=item.start,
        )

    async def _keep(self, transcript: TurnTranscript, audio: TurnAudio) -> None:
        samples = audio.samples
        transcript.unrecognized.append(samples)
        transcript.audio.append(samples)
        if transcript.language is not None:
            await self._translate(transcript, samples)
        probabilities = await transcript.vad.step(samples)
        first = transcript.start + len(transcript.speech) * FRAME
        heard = without_made_up(probabilities, first, audio.made_up)
        transcript.speech += heard
        chunk = VoiceChunk(transcript.start, samples, heard)
        await self._speakers.hear(chunk, wanted=audio.config.speakers)

    async def _pause(self, transcript: TurnTranscript, pause: TurnPause) -> None:
        """Recognize the turn so far as if it were over, and give its words."""
        if pause.audio is not None:
            await self._keep(transcript, pause.audio)
        words = await self._all_words(transcript, peek=True)
        transcript.at_pause = WordsAtPause(words, len(transcript.speech), len(transcript.committed))
        hearing = transcript.language and transcript.language.hearing
        if pause.shown and words and hearing and hearing.final_pass is None:
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
        asr = await self._recognizer(transcript, over=True)
        if asr is None or transcript.language is None or transcript.language.hearing is None:
            return ()
        final_pass = transcript.language.hearing.final_pass
        if final_pass is not None:
            audio = np.concatenate([np.zeros(0, np.float32), *transcript.audio])
            (found,) = await final_pass.run(audio)
            return tuple(found)
        end = SpeechChunk(transcript.unrecognized_sound(), last=not peek, peek=peek)
        words, rest = list(transcript.committed), tuple[RecognizedWord, ...]()
        for update in await asr.step(end, Urgency.FINAL_CAPTION):
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

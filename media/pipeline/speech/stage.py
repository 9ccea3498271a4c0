"""Answers to speech, clause by clause, while the rest of the answer is still generated."""

from media.channel import Channel
from media.events.answers import Answer, Speech
from media.events.vision import Degraded
from media.frames import AudioChunk
from media.pipeline.context import SessionContext
from media.pipeline.speech.clauses import split_clauses
from models.asr.languages.codes import language_name

NO_VOICE = "no voice of that language is installed (./eyeline install voices)"


class SpeechStage:
    """The speech stage: synthesizes the pieces of answers in order."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._voiceless: set[str] = set()  # languages that were told to have no voice

    async def run(self, answers: Channel[Answer]) -> None:
        """Send speech until `answers` ends. Without a synthesizer, send only the ends."""
        text, start = "", 0
        async for answer in answers:
            last = answer.status != "streaming"
            clauses, text = split_clauses(text + answer.text, last=last)
            for clause in clauses:
                start = await self._speak(answer, clause, start)
            if last:
                await self._finish(answer)
                text, start = "", 0

    async def _speak(self, answer: Answer, clause: str, start: int) -> int:
        """Send `clause` as sound from sample `start`; return where the next clause starts."""
        services, questions, id = self._context.services, self._context.questions, answer.id
        synthesizer = services.voice(answer.language)
        if synthesizer is None or questions.cancelled(id):
            await self._say_voiceless(answer.language)
            return start
        samples = await synthesizer.synthesize(clause)
        if len(samples) and not questions.cancelled(id):
            now = self._context.clock.now()
            if start == 0:
                questions.observe_wait(id, now, self._context.counters.delays.first_sound)
            questions.note_speech(len(samples) / synthesizer.rate, now)
            await self._context.send(Speech(id, AudioChunk(samples, start, synthesizer.rate)))
            start += len(samples)
        return start

    async def _say_voiceless(self, language: str) -> None:
        """Send once that answers in `language` are text, if there is a voice for English only."""
        services = self._context.services
        if services.synthesizer is None or services.voice(language) or language in self._voiceless:
            return
        self._voiceless.add(language)
        name = language_name(language).title()
        await self._context.send(Degraded(f"answers in {name} are text: {NO_VOICE}"))

    async def _finish(self, answer: Answer) -> None:
        cancelled = self._context.questions.cancelled(answer.id)
        status = "cancelled" if cancelled else answer.status
        await self._context.send(Speech(answer.id, None, status))
        self._context.questions.close(answer.id)

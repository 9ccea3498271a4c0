"""Sound to turns: the first stage of hearing. Speech recognition is the caption stage's."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from media.channel import Channel
from media.events.hearing import (
    AudioPaused,
    Backchannel,
    Clear,
    Cleared,
    Commit,
    CommitResult,
    ListeningConfig,
    TurnDetection,
    TurnEnded,
    TurnStarted,
)
from media.frames import SAMPLE_RATE, AudioChunk, Gap
from media.pipeline.context import SessionContext
from media.pipeline.hearing.backchannels import (
    INTERRUPTION,
    early_looks,
    interrupts_early,
    is_backchannel,
)
from media.pipeline.hearing.made_up import with_gap, without_made_up
from media.pipeline.hearing.patience import patience
from media.pipeline.hearing.turn_items import TurnEnd, TurnItem, TurnPause
from media.pipeline.hearing.turn_rules import (
    SpeechEnd,
    SpeechPause,
    SpeechStart,
    next_turn,
)
from media.pipeline.hearing.turn_state import EMPTY, TurnState, take_audio
from media.pipeline.interfaces import Samples
from media.pipeline.models.languages import AUTO
from models.asr.turn_end import completeness
from models.asr.words import RecognizedWord, join_words

VAD_FRAME = 512  # samples for each probability of the detector
PRE_ROLL = SAMPLE_RATE  # samples before the first speech of a turn that only a client ends
MIN_COMMIT = SAMPLE_RATE // 10  # samples: 100 ms, as in OpenAI's service
SPEECH = 0.35  # probability of speech in such a turn: less than starts a detected one

AudioItem = AudioChunk | Commit | Clear | AudioPaused | Gap | ListeningConfig


class TurnStage:
    """The turn stage: reports when turns start and end, and sends their sound on."""

    def __init__(self, context: SessionContext, turns: Channel[TurnItem]) -> None:
        self._context = context
        self._turns = turns

    async def run(self, audio: Channel[AudioItem]) -> None:
        """Read `audio` until it ends, then end the turn in progress and close `turns`."""
        detector = await self._context.services.detector.open()
        state = TurnState(detector, turn=self._context.carried.turn)
        async for item in audio:
            match item:
                case AudioChunk():
                    await self._receive(state, item)
                case ListeningConfig():
                    await self._configure(state, item)
                case Commit():
                    await self._commit(state)
                case Clear():
                    await self._clear(state)
                case AudioPaused():
                    await self._pause(state)
                case Gap():
                    state.made_up = with_gap(state.made_up, item)
        await self._end(state, state.position, detected=False)
        await self._turns.close()

    async def _receive(self, state: TurnState, chunk: AudioChunk) -> None:
        """Place `chunk` in the stream: a short gap is silence, a long one ends the turn."""
        if chunk.rate != SAMPLE_RATE:
            raise ValueError(f"expected audio at {SAMPLE_RATE} Hz, got {chunk.rate}: resample it")
        self._context.counters.audio_arrived(chunk.end / SAMPLE_RATE, self._context.clock.now())
        gap = chunk.start - state.position
        if gap > self._longest_gap(state):
            if state.config.detection is None and state.has_speech:
                await self._end(state, state.position, detected=False)
            await self._pause(state)
            state.restart(chunk.start)
        elif gap > 0:
            await self._append(state, np.zeros(gap, np.float32))
        new = chunk.samples[max(0, -gap) :]  # sound that came before is not appended twice
        self._context.counters.audio_seconds += len(new) / SAMPLE_RATE
        await self._append(state, new)

    def _longest_gap(self, state: TurnState) -> float:
        """Return how many missing samples are taken for silence.

        Only the client ends a turn without detection, unless so much is missing that the silence
        would be most of its sound.
        """
        limits = self._context.limits
        manual = state.config.detection is None and state.has_speech
        return (limits.max_turn if manual else limits.max_gap) * SAMPLE_RATE

    async def _pause(self, state: TurnState) -> None:
        """End a detected turn where its sound stops; what follows is new to the detector."""
        if state.config.detection is not None:
            await self._end(state, state.position, detected=True)
            state.restart(state.position)

    async def _append(self, state: TurnState, samples: Samples) -> None:
        """Process the next `samples` of the stream."""
        state.held = np.concatenate([state.held, samples])
        state.position += len(samples)
        state.uncommitted += len(samples)
        detection = state.config.detection
        probabilities = await state.vad.step(samples)
        if detection is None or not state.detection.speaking:
            first = state.detection.position
            probabilities = without_made_up(probabilities, first, state.made_up)
        if detection is None:
            await self._append_manual(state, probabilities)
            return
        for probability in probabilities:
            await self._advance(state, probability, detection)
        if state.start is None:
            # A turn may still start in the last frames, or in the padding before them.
            kept = round(detection.padding * SAMPLE_RATE) + 4 * VAD_FRAME
            state.held = state.held[-kept:]
        else:
            # Silence beyond the padding may not belong to the turn: it waits.
            padded = state.detection.speech_end + round(detection.padding * SAMPLE_RATE)
            if state.announced:
                await self._send_audio(state, min(state.detection.position, padded))

    async def _advance(
        self, state: TurnState, probability: float, detection: TurnDetection
    ) -> None:
        """Process a frame of the detector."""
        state.detection, event = next_turn(
            state.detection,
            probability,
            frame=VAD_FRAME,
            rate=SAMPLE_RATE,
            detection=detection,
            max_turn=self._context.limits.max_turn,
        )
        match event:
            case SpeechStart(start):
                await self._start(state, start, detected=True)
                state.has_speech = True
            case SpeechPause():
                await self._consult_words(state, detection)
            case SpeechEnd(end):
                await self._end(state, end, detected=True)
                state.uncommitted = state.position - state.detection.position
            case None:
                if not state.announced:
                    await self._decide_early(state)

    async def _consult_words(self, state: TurnState, detection: TurnDetection) -> None:
        """Let the words of the turn decide how much silence ends it, or that it is none."""
        assert detection.eagerness is not None
        said = await self._words(state)
        if not state.announced:
            text, sure = join_words(said), said[-1].probability if said else 0.0
            if self._may_be_backchannel(state) and is_backchannel(text, sure):
                await self._ignore(state, text)
                return
            await self._announce(state, detected=True)
        seconds = patience(completeness(said), detection.eagerness)
        state.detection = replace(state.detection, patience=seconds)

    async def _decide_early(self, state: TurnState) -> None:
        """Announce a turn that goes on once it cannot be a backchannel, by its length or words."""
        voiced, config = state.detection.voiced, state.config
        if not self._may_be_backchannel(state):
            await self._announce(state, detected=True)
        elif config.language != AUTO and state.asked < early_looks(voiced / SAMPLE_RATE):
            state.asked += 1
            said = await self._words(state)
            if said and interrupts_early(join_words(said), said[-1].probability):
                await self._announce(state, detected=True)

    async def _words(self, state: TurnState) -> tuple[RecognizedWord, ...]:
        """Return the words of the turn so far."""
        assert state.start is not None
        words: asyncio.Future[tuple[RecognizedWord, ...]]
        words = asyncio.get_running_loop().create_future()
        audio = take_audio(state, state.detection.position)
        await self._turns.send(TurnPause(state.turn, state.start, audio, state.announced, words))
        return await words

    async def _append_manual(self, state: TurnState, probabilities: Sequence[float]) -> None:
        """Process sound of a turn that only a client ends."""
        if state.start is None and len(state.held):
            await self._start(state, state.position - len(state.held), detected=False)
        for probability in probabilities:
            position = state.detection.position + VAD_FRAME
            state.detection = replace(state.detection, position=position)
            if probability >= SPEECH and not state.has_speech:
                state.has_speech = True
                state.held = state.held[-(state.position - position + PRE_ROLL) :]
        if state.has_speech:
            await self._send_audio(state, state.position)
        else:
            state.held = state.held[-(PRE_ROLL + VAD_FRAME) :]

    async def _start(self, state: TurnState, start: int, *, detected: bool) -> None:
        state.turn, state.asked = state.turn + 1, 0
        self._context.carried.turn = state.turn
        state.start = max(start, state.position - len(state.held))
        state.held = state.held[len(state.held) - (state.position - state.start) :]
        state.announced = not (detected and self._may_be_backchannel(state))
        if state.announced:
            await self._announce(state, detected=detected)

    def _may_be_backchannel(self, state: TurnState) -> bool:
        """Return whether the turn is brief so far, and the service speaks or is about to."""
        detection = state.config.detection
        return (
            detection is not None
            and detection.eagerness is not None
            and state.config.interrupt
            and state.detection.voiced < INTERRUPTION * SAMPLE_RATE
            and self._context.questions.speaking(self._context.clock.now())
        )

    async def _announce(self, state: TurnState, *, detected: bool) -> None:
        """Send that the turn started, which interrupts the service if that is configured."""
        assert state.start is not None
        state.announced = True
        self._context.counters.turns += 1
        if detected and state.config.interrupt:
            self._context.questions.interrupt()
        await self._context.send(TurnStarted(state.turn, state.start / SAMPLE_RATE, detected))

    async def _ignore(self, state: TurnState, text: str) -> None:
        """Discard a turn that is not announced, as it is no more than agreement."""
        assert state.start is not None
        start, end = state.start, state.detection.position
        await self._turns.send(TurnEnd(state.turn, start, end, False, state.config))
        state.held = state.held[max(0, len(state.held) - (state.position - end)) :]
        self._context.counters.backchannels += 1
        await self._context.send(Backchannel(text, start / SAMPLE_RATE, end / SAMPLE_RATE))
        state.reset(end)
        state.uncommitted = state.position - end

    async def _send_audio(self, state: TurnState, until: int) -> None:
        """Send the turn's sound before `until` to the caption stage."""
        if audio := take_audio(state, until):
            await self._turns.send(audio)

    async def _end(self, state: TurnState, end: int, *, detected: bool) -> None:
        """End the turn in progress, if there is one."""
        if state.start is None:
            return
        if not state.announced:
            await self._announce(state, detected=detected)
        await self._send_audio(state, end)
        state.held = state.held[max(0, len(state.held) - (state.position - end)) :]
        ended = TurnEnded(state.turn, state.start / SAMPLE_RATE, end / SAMPLE_RATE, detected)
        await self._context.send(ended)
        await self._turns.send(TurnEnd(state.turn, state.start, end, True, state.config))
        state.reset(end)

    async def _commit(self, state: TurnState) -> None:
        """End the turn in progress; without one, what came since the last is a turn."""
        samples = state.uncommitted
        if samples < MIN_COMMIT:
            await self._context.send(CommitResult(None, samples))
            return
        if state.start is None:
            await self._start(state, state.position - len(state.held), detected=False)
        await self._end(state, state.position, detected=False)
        await self._context.send(CommitResult(state.turn, samples))

    async def _clear(self, state: TurnState) -> None:
        """Discard the turn in progress."""
        if state.start is not None:
            end = TurnEnd(state.turn, state.start, state.position, False, state.config)
            await self._turns.send(end)
        state.held = EMPTY
        state.reset(state.position)
        await self._context.send(Cleared())

    async def _configure(self, state: TurnState, config: ListeningConfig) -> None:
        """Apply `config`; switching detection on or off ends the turn."""
        if (state.config.detection is None) != (config.detection is None):
            await self._end(state, state.position, detected=False)
            state.restart(state.position)
        state.config = config

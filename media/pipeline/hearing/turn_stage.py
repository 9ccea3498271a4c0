"""Sound to turns: the first stage of hearing. Leaves recognition to `captions`."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from media.channel import Channel
from media.events import Clear, Commit, ListeningConfig, TurnEnded, TurnStarted
from media.frames import AudioChunk
from media.pipeline.context import SessionContext
from media.pipeline.hearing.turns import Ended, Started, Turns, next_turn
from media.pipeline.interfaces import Samples

RATE = 16_000  # samples a second that the detector and the recogniser hear
FRAME = 512  # samples for each probability of the detector
LEAD = (
    RATE  # samples before the first speech of a turn that are heard with it, where nothing ends it
)
SPEECH = (
    0.35  # probability from which a turn that a client ends is worth hearing: less than starts one
)
EMPTY: Samples = np.zeros(0, np.float32)

Sound = AudioChunk | Commit | Clear | ListeningConfig


@dataclass(frozen=True, slots=True, eq=False)
class TurnSound:
    """Sound of a turn in progress; `start` is where its sound began, in samples of the stream."""

    turn: int
    start: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class TurnEnd:
    """No more sound comes for `turn`; `kept` is False where it is to be forgotten."""

    turn: int
    start: int
    end: int
    kept: bool
    listening: ListeningConfig


@dataclass(slots=True, eq=False)
class TurnState:
    """State of the stage: `held` is the sound before `position` that no turn has taken yet.

    A turn without speech is not heard at all, as a recogniser invents words for silence.
    """

    detector: Any
    listening: ListeningConfig = field(default_factory=ListeningConfig)
    position: int = 0
    origin: int = 0  # where the detector's frames are counted from
    held: Samples = field(default_factory=lambda: EMPTY)
    turns: Turns = field(default_factory=Turns)
    turn: int = 0  # number of the turn in progress, or of the last one
    start: int | None = None  # where the turn in progress began
    spoken: bool = False  # there is speech in it
    first: int | None = None  # where its sound began that was handed on


class TurnStage:
    """The stage: hears `Sound`, says when turns begin and end, hands their sound on."""

    def __init__(self, shared: SessionContext, speech: Channel[TurnSound | TurnEnd]) -> None:
        self._shared = shared
        self._speech = speech

    async def run(self, sound: Channel[Sound]) -> None:
        """Listen until `sound` ends, then end the turn in progress and close `speech`."""
        ear = TurnState(self._shared.services.detector.init_state())
        async for item in sound:
            match item:
                case AudioChunk():
                    await self._hear(ear, item)
                case ListeningConfig():
                    await self._listen(ear, item)
                case Commit():
                    if ear.start is None and len(ear.held):
                        await self._start(ear, ear.position - len(ear.held))
                    await self._end(ear, ear.position, detected=False)
                case Clear():
                    await self._clear(ear)
        await self._end(ear, ear.position, detected=False)
        await self._speech.close()

    async def _hear(self, ear: TurnState, chunk: AudioChunk) -> None:
        """Put `chunk` in its place: a short hole is silence, a long one ends the turn."""
        if chunk.rate != RATE:
            raise ValueError(f"a session hears {RATE} Hz, not {chunk.rate}: convert at the edge")
        self._shared.counters.audio_arrived(chunk.end / RATE, self._shared.clock.now())
        hole = chunk.start - ear.position
        if hole > self._shared.limits.max_gap * RATE:
            await self._end(ear, ear.position, detected=True)
            self._jump(ear, chunk.start)
        elif hole > 0:
            await self._take(ear, np.zeros(hole, np.float32))
        new = chunk.samples[max(0, -hole) :]  # sound that was heard already is not heard twice
        self._shared.counters.audio_seconds += len(new) / RATE
        await self._take(ear, new)

    def _jump(self, ear: TurnState, position: int) -> None:
        ear.position = ear.origin = position
        ear.held = EMPTY
        ear.detector = self._shared.services.detector.init_state()
        ear.turns = Turns(position=position, spoken=position)

    async def _take(self, ear: TurnState, samples: Samples) -> None:
        """Hear the next `samples` of the stream."""
        ear.held = np.concatenate([ear.held, samples])
        ear.position += len(samples)
        detection = ear.listening.detection
        ear.detector, probabilities = await self._shared.services.vad_worker.run(
            self._shared.services.detector.step, ear.detector, samples
        )
        if detection is None:
            await self._gather(ear, probabilities)
            return
        for probability in probabilities:
            ear.turns, event = next_turn(
                ear.turns,
                probability,
                frame=FRAME,
                rate=RATE,
                detection=detection,
                longest=self._shared.limits.max_turn,
            )
            match event:
                case Started(start):
                    await self._start(ear, start)
                    ear.spoken = True
                case Ended(end):
                    await self._end(ear, end, detected=True)
                case None:
                    pass
        if ear.start is None:
            kept = round(detection.padding * RATE) + 4 * FRAME  # what a turn may still claim
            ear.held = ear.held[-kept:]
        else:
            # Silence beyond the padding may turn out not to belong to the turn: it waits.
            padded = ear.turns.spoken + round(detection.padding * RATE)
            await self._hand_on(ear, min(ear.turns.position, padded))

    async def _gather(self, ear: TurnState, probabilities: Sequence[float]) -> None:
        """Take sound of a turn that only a client ends, from shortly before its first speech."""
        if ear.start is None and len(ear.held):
            await self._start(ear, ear.position - len(ear.held))
        for probability in probabilities:
            ear.turns = replace(ear.turns, position=ear.turns.position + FRAME)
            if probability >= SPEECH and not ear.spoken:
                ear.spoken = True
                ear.held = ear.held[-(ear.position - ear.turns.position + LEAD) :]
        if ear.spoken:
            await self._hand_on(ear, ear.position)
        else:
            ear.held = ear.held[-(LEAD + FRAME) :]

    async def _start(self, ear: TurnState, start: int) -> None:
        ear.turn += 1
        ear.start = max(start, ear.position - len(ear.held))
        ear.held = ear.held[len(ear.held) - (ear.position - ear.start) :]
        self._shared.counters.turns += 1
        if ear.listening.interrupt:
            self._shared.questions.cancel(None)
        await self._shared.send(TurnStarted(ear.turn, ear.start / RATE))

    async def _hand_on(self, ear: TurnState, until: int) -> None:
        """Give the turn's sound before `until` to the recogniser."""
        count = len(ear.held) - (ear.position - until)
        if ear.start is not None and ear.spoken and count > 0:
            if ear.first is None:
                ear.first = ear.position - len(ear.held)
            await self._speech.send(TurnSound(ear.turn, ear.first, ear.held[:count]))
            ear.held = ear.held[count:]

    async def _end(self, ear: TurnState, end: int, *, detected: bool) -> None:
        """End the turn in progress, if there is one."""
        if ear.start is None:
            return
        await self._hand_on(ear, end)
        ear.held = ear.held[max(0, len(ear.held) - (ear.position - end)) :]
        await self._shared.send(TurnEnded(ear.turn, ear.start / RATE, end / RATE, detected))
        await self._speech.send(TurnEnd(ear.turn, ear.start, end, True, ear.listening))
        self._quiet(ear, end)

    async def _clear(self, ear: TurnState) -> None:
        if ear.start is not None:
            over = TurnEnd(ear.turn, ear.start, ear.position, False, ear.listening)
            await self._speech.send(over)
        ear.held = EMPTY
        self._quiet(ear, ear.position)

    def _quiet(self, ear: TurnState, end: int) -> None:
        ear.start = ear.first = None
        ear.spoken = False
        if ear.turns.speaking:
            ear.turns = Turns(position=ear.turns.position, spoken=end)

    async def _listen(self, ear: TurnState, listening: ListeningConfig) -> None:
        """Change how to listen; between detecting and not detecting, the turn ends."""
        changed = (ear.listening.detection is None) != (listening.detection is None)
        if changed:
            await self._end(ear, ear.position, detected=False)
            self._jump(ear, ear.position)
        ear.listening = listening

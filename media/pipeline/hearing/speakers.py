"""Who says what in one session: labels of words, names, and answers about them.

Voices are known as long as the session runs. The label of a final caption is corrected once, if
what was said later tells the voices apart better. One person who speaks alone has number 1.
"""

from collections.abc import Sequence
from dataclasses import replace

from media.events.answers import Announce, Question
from media.events.hearing import Caption, CaptionWord
from media.events.speakers import NameSpeaker, Speakers, TurnSpeakers
from media.frames import SAMPLE_RATE
from media.pipeline.carried import Introduced
from media.pipeline.context import SessionContext
from media.servers.server import ModelHandle
from models.asr.words import RecognizedWord
from models.assistant.phrasebook.conversation import answer_like
from models.assistant.phrasebook.questions import in_english
from models.speakers.clustering import Voices
from models.speakers.names import clean_name, introduction, names_by_number
from models.speakers.replies import SpokenPart, reply
from models.speakers.tracker import TrackerState
from models.speakers.windows import VoiceChunk
from models.speakers.words import word_speakers


class SpeakerLabels:
    """The speakers of a session; without a model, or where a client wants none, nobody is told."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._server = context.services.speakers
        self._handle: ModelHandle[TrackerState, VoiceChunk, Voices] | None = None
        self._state = context.carried.speakers
        self._wanted = True

    @property
    def names(self) -> dict[int, str]:
        """Return the name of each speaker by number: "speaker 1" until there is another."""
        said = {each.number: each.name for each in self._state.introduced}
        return {
            number: self._state.given.get(number) or said.get(number) or f"speaker {number}"
            for number in self._state.voices.numbers
        }

    async def hear(self, chunk: VoiceChunk, *, wanted: bool) -> None:
        """Take the next sound of a turn; if labels are not `wanted`, all voices are forgotten."""
        if self._server is None:
            return
        self._wanted = wanted
        if not wanted:
            await self._forget()
            return
        if self._handle is None:
            self._handle = await self._server.open()
            if self._state.tracker is not None:
                self._handle.keep(self._state.tracker)
        for voices in await self._handle.step(chunk):
            self._state.voices = voices
        self._state.tracker = self._handle.state()

    async def _forget(self) -> None:
        """Forget all voices and their names: a number may be another person's later."""
        self._state.voices, self._state.tracker, self._handle = Voices(), None, None
        self._state.introduced.clear()
        self._state.given.clear()
        self._state.turns.clear()
        if self._state.sent:
            await self._send(())

    async def labelled(self, caption: Caption) -> Caption:
        """Return `caption` with the speaker of each word, once it was sent who speaks.

        While one person speaks alone, words have none. A final caption is kept: it may say a name,
        and it may correct earlier ones.
        """
        if self._server is None or not caption.words:
            return caption
        plain = caption
        caption = relabelled(plain, word_speakers(self._state.voices, _recognized(plain.words)))
        corrected: tuple[TurnSpeakers, ...] = ()
        if caption.final:
            found = introduction([word.text for word in caption.words])
            if found is not None:
                word = caption.words[found.word]
                self._state.introduced.append(Introduced(found.name, word.start, word.speaker))
            corrected = await self._context.services.media_worker.run(self._corrections)
            self._state.turns.append(caption)
        await self._send(corrected)
        return caption if len(self.names) > 1 else plain

    async def name(self, given: NameSpeaker) -> None:
        """Give a speaker a name, or with none, take it back; none while voices are not wanted."""
        if not self._wanted:
            return
        self._state.given[given.speaker] = clean_name(given.name)  # an empty one counts as none
        await self._send(())

    async def answered(self, question: Question) -> Question | Announce:
        """Return the answer to a question about speech, or `question` if it is another one."""
        if self._server is None or question.pictures or not self._wanted:
            return question
        text = await self._named(question.text)
        if text is None:
            spoken = self._state.turns and self._state.turns[-1].text == question.text.strip()
            said = utterances(list(self._state.turns)[: -1 if spoken else None])
            text = reply(in_english(question.text), said, self.names)
        if text is None:
            return question
        told, language = answer_like(question.text, text)
        return Announce(question.id, told, question.time, question.spoken, language=language)

    async def _named(self, text: str) -> str | None:
        """Give the names that `text` gives speakers, and return what to say about it."""
        said = []
        for given in names_by_number(text):
            if given.number in self._state.voices.numbers:
                await self.name(NameSpeaker(given.number, given.name))
                said.append(f"Speaker {given.number} is {given.name} now.")
            else:
                heard = ", ".join(self.names.values()) or "nobody"
                said.append(f"There is no speaker {given.number}: I have heard {heard}.")
        return " ".join(said) or None

    def _corrections(self) -> tuple[TurnSpeakers, ...]:
        """Return the turns whose labels are others now; each is corrected once."""
        if not self._state.voices.recent:
            return ()
        first = self._state.voices.recent[0].start / SAMPLE_RATE
        for each in self._state.introduced:
            if each.time >= first:
                (number,) = word_speakers(self._state.voices, [_at(each.time)])
                each.number = number or each.number
        changed = []
        for index in range(len(self._state.turns) - 1, -1, -1):
            turn = self._state.turns[index]
            if turn.start < first:
                break
            before = [word.speaker for word in turn.words]
            now = word_speakers(self._state.voices, _recognized(turn.words))
            now = [new or old for new, old in zip(now, before, strict=True)]
            if now != before and turn.turn not in self._state.corrected:
                self._state.corrected.append(turn.turn)
                changed.append(TurnSpeakers(turn.turn, tuple(now)))
                self._state.turns[index] = relabelled(turn, now)
        return tuple(reversed(changed))

    async def _send(self, corrected: tuple[TurnSpeakers, ...]) -> None:
        """Send who speaks, if that has changed; one person without a name is not news."""
        names = self.names
        alone = len(names) < 2 and names.get(1, "speaker 1") == "speaker 1" and not self._state.sent
        if (names == self._state.sent and not corrected) or alone:
            return
        self._state.sent = names
        await self._context.send(Speakers(tuple(sorted(names.items())), corrected))


def relabelled(caption: Caption, speakers: Sequence[int]) -> Caption:
    """Return `caption` with other numbers of the speakers of its words."""
    words = tuple(
        replace(word, speaker=number) for word, number in zip(caption.words, speakers, strict=True)
    )
    return replace(caption, words=words)


def utterances(captions: Sequence[Caption]) -> list[SpokenPart]:
    """Return what each speaker said without a break in each of `captions`, in order."""
    said: list[SpokenPart] = []
    for caption in captions:
        start = 0
        for end in range(1, len(caption.words) + 1):
            words = caption.words[start:end]
            if end == len(caption.words) or caption.words[end].speaker != words[-1].speaker:
                text = "".join(word.text for word in words).strip()
                said.append(SpokenPart(words[0].speaker, text, words[0].start))
                start = end
    return said


def _recognized(words: Sequence[CaptionWord]) -> list[RecognizedWord]:
    return [
        RecognizedWord(word.text, round(word.start * SAMPLE_RATE), round(word.end * SAMPLE_RATE))
        for word in words
    ]


def _at(time: float) -> RecognizedWord:
    place = round(time * SAMPLE_RATE)
    return RecognizedWord("", place, place)

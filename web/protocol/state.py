"""The state of one conversation, and how events are added to it.

`web.protocol.protocol.RealtimeProtocol` owns it; the modules beside it change their parts of it.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from media.audio.pcm import PcmEncoding
from media.dialogue import NO_DIALOGUE, Dialogue
from media.events.answers import Announce, Question
from media.events.generation import GenerationConfig
from media.events.hearing import Caption
from media.events.session import Input
from media.events.vision import RequestMet
from media.frames import SAMPLE_RATE
from models.generation.own_look import OwnLooks
from web.protocol.items import Item, ItemList, question_text
from web.protocol.session_config import Capabilities, SessionConfig

Event = dict[str, Any]


class PictureEvent(Event):
    """An event with a generated picture; older ones are dropped when a client reads slowly."""


FORMATS: dict[str, tuple[PcmEncoding, int]] = {  # of audio in messages: encoding and sample rate
    "audio/pcm": ("pcm16", 24_000),
    "audio/pcmu": ("ulaw", 8_000),
    "audio/pcma": ("alaw", 8_000),
}


@dataclass(slots=True)
class SpeechTurn:
    """A turn of speech: its item, its start in seconds, and the transcript sent so far.

    `latest` is its last caption, if it has one.
    """

    item_id: str
    start: float
    ended: bool = False  # its item is in the conversation
    detected: bool = False  # voice activity detection ended it, not the client
    sent: str = ""
    latest: Caption | None = None


@dataclass(slots=True)
class SpeechInputState:
    """Audio input: `position` is the number of samples since the session began.

    `decoder` is the decoder's state, None until audio in the present format came. `unprocessed`
    has the event ids of the commits and clears that the session has not processed.
    """

    position: int = 0
    decoder: Any = None
    turns: dict[int, SpeechTurn] = field(default_factory=dict)
    unprocessed: deque[str | None] = field(default_factory=deque)


@dataclass(slots=True)
class TrackProgress:
    """How far media came on WebRTC tracks: the only part written while a message is in work.

    `position` is the end of the newest audio chunk in samples, `video_time` the time of the newest
    frame in seconds.
    """

    position: int = 0
    video_time: float = 0.0


@dataclass(slots=True)
class ResponseState:
    """A response in progress; the session answers it under the id `question_id`.

    `asked` is what the session was given, None while that waits for a transcript.
    """

    id: str
    question_id: str
    item_id: str
    spoken: bool
    format: str = "audio/pcm"  # of its speech, from beginning to end
    dialogue: Dialogue = NO_DIALOGUE  # its instructions and tools
    context: ItemList | None = None  # what it is about, if not the conversation
    in_conversation: bool = True
    metadata: dict[str, str] | None = None
    asked: Question | Announce | None = None
    awaited_item: str | None = None  # the item whose transcript is the question
    overheard: bool = False  # the question is a turn of speech, perhaps a remark
    started: bool = False  # its item was announced
    truncated: bool = False  # by the client, so its item has no transcript
    text: str = ""
    samples: int = 0  # of speech, at `rate`
    rate: int = 24_000
    resampler: Any = None
    calls: list[Item] = field(default_factory=list)  # of the client's functions, sent at the end


@dataclass(slots=True)
class ConversationState:
    """One conversation; with `on_track` speech goes to a WebRTC track instead of into events.

    `inputs` and `events` wait to be taken by the transport.
    """

    id: str
    capabilities: Capabilities
    config: SessionConfig
    on_track: bool = False
    eyeline_events: bool = False  # the client asked for events of types eyeline.*
    tells_speakers: bool = True  # the client wants voices told apart
    speakers: dict[int, str] = field(default_factory=dict)  # names by number
    translate: bool = False  # turns in other languages, while they are spoken
    # Questions that wait for their translation: item, text and time of each turn.
    untranslated: dict[int, tuple[str, str, float]] = field(default_factory=dict)
    items: ItemList = field(default_factory=ItemList)
    speech_input: SpeechInputState = field(default_factory=SpeechInputState)
    tracks: TrackProgress = field(default_factory=TrackProgress)
    response: ResponseState | None = None
    playing: dict[str, str] = field(default_factory=dict)  # on the track: response of each question
    video_time: float = 0.0  # of the newest frame, in seconds
    now: float = 0.0  # on the session's clock, when its client last sent an event
    announcements: deque[RequestMet] = field(default_factory=deque)  # wait for their response
    prompt: tuple[tuple[str, float], ...] = ()  # of video generation: texts with their weights
    looks: OwnLooks = ()  # pictures of the user's own
    generation: GenerationConfig | None = None  # None until the client sets it
    path_times: dict[int, float] = field(default_factory=dict)  # last time of each thing's path
    speech_ms: dict[str, int] = field(default_factory=dict)  # length of each item's speech
    last_id: int = 0
    inputs: list[Input] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def media_time(self) -> float:
        """The time of the session: of its audio, video or clock, whichever is furthest.

        Audio may come faster than real time, and time goes on without media.
        """
        position = max(self.speech_input.position, self.tracks.position)
        return max(position / SAMPLE_RATE, self.video_time, self.tracks.video_time, self.now)

    @property
    def conversation_id(self) -> str:
        return f"conv_{self.id.removeprefix('sess_')}"

    def question_of(self, message: Item) -> str | None:
        """Return the text of a user's message, in English if it was translated.

        None while its transcript or translation is missing.
        """
        if any(item_id == message["id"] for item_id, _, _ in self.untranslated.values()):
            return None
        return self.items.english.get(message["id"]) or question_text(message)

    def new_id(self, kind: str) -> str:
        self.last_id += 1
        return f"{kind}_{self.id.removeprefix('sess_')}_{self.last_id}"

    def send_event(self, type: str, **fields: Any) -> None:
        """Add a server event."""
        self.events.append({"type": type, "event_id": self.new_id("event")} | fields)

    def send_picture(self, type: str, **fields: Any) -> None:
        """Add a server event with a generated picture."""
        self.events.append(PictureEvent(type=type, event_id=self.new_id("event"), **fields))

    def send_notice(self, message: str, level: Literal["info", "warning"] = "info") -> None:
        """Add a notice for the user, if the client takes eyeline events."""
        if self.eyeline_events:
            self.send_event("eyeline.notice", level=level, message=message)

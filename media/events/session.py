"""All that enters or leaves a session. Times are media time: seconds since it began."""

from media.events.answers import Announce, AnswerOutput, Cancel, Question, Speech
from media.events.generation import GenerationInput, GenerationOutput
from media.events.hearing import (
    AudioPaused,
    Backchannel,
    Caption,
    Clear,
    Commit,
    HearingOutput,
    ListeningConfig,
    TurnEnded,
    TurnStarted,
)
from media.events.speakers import NameSpeaker, Speakers
from media.events.vision import VisionOutput
from media.frames import AudioChunk, Gap, VideoFrame

EventInput = (  # all inputs but sound and pictures
    Question
    | Announce
    | Cancel
    | Commit
    | Clear
    | AudioPaused
    | Gap
    | ListeningConfig
    | NameSpeaker
    | GenerationInput
)
Input = VideoFrame | AudioChunk | EventInput


Output = (
    Caption
    | Speakers
    | HearingOutput
    | Backchannel
    | TurnStarted
    | TurnEnded
    | AnswerOutput
    | Speech
    | Gap
    | VideoFrame
    | VisionOutput
    | GenerationOutput
)

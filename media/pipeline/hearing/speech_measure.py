"""How much speech there is in a piece of sound, for the choice between sound tracks."""

from media.frames import SAMPLE_RATE
from media.pipeline.hearing.turn_stage import VAD_FRAME
from models.asr.speech_activity import Samples, VoiceActivityDetector

SPEECH = 0.5  # probability: Silero's default


def speech_seconds(detector: VoiceActivityDetector, samples: Samples) -> float:
    """Return how much of `samples`, mono at 16 kHz, is speech."""
    _, probabilities = detector.step(detector.init_state(), samples)
    return sum(each > SPEECH for each in probabilities) * VAD_FRAME / SAMPLE_RATE

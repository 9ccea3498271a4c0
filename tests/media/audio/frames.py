"""Audio frames of PyAV as arrays."""

import av

from media.audio.pcm import channels_from_av, downmix
from media.audio.resampling import Samples


def samples_from_av(frame: av.AudioFrame) -> Samples:
    """Return the mean of the channels of `frame`: (n,) in [-1, 1]."""
    return downmix(channels_from_av(frame))

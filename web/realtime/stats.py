"""The statistics of a session, as its client gets them."""

from media.counters import Counters
from rtc.network import NetworkState


def stats_fields(
    network: NetworkState | None, counters: Counters, seconds: float
) -> dict[str, object]:
    """Return the fields of `eyeline.stats` in seconds, shares and bit/s; None is unknown."""
    return {
        "state": "live",
        "fps_in": network and network.frame_rate_in,
        "fps_out": network and network.frame_rate_out,
        "round_trip": network and network.round_trip,
        "loss": network and network.loss,
        "jitter": network and network.jitter,
        "bitrate_in": network and network.bitrate_in,
        "bitrate_out": network and network.bitrate_out,
        "caption_lag": counters.caption_lag,
        "dropped_frames": counters.dropped_frames,
        "dropped_audio": counters.dropped_audio,
        "seconds": seconds,
    }

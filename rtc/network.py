"""The state of the network between two readings of a connection's counters."""

from dataclasses import dataclass

BITS = 8  # in a byte


@dataclass(slots=True)
class FrameCounters:
    """Counts the frames of one peer's tracks."""

    audio_frames_in: int = 0
    video_frames_in: int = 0
    video_frames_out: int = 0
    video_frames_skipped: int = 0
    video_substitutes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """RTP packets of one incoming stream so far; `jitter` is of RFC 3550, in seconds.

    `skipped` packets were not there when the next one came, in `gaps` between two that were.
    """

    expected: int
    received: int
    jitter: float
    gaps: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkCounters:
    """Counters of a connection at `time`, since its start; bytes include RTP and DTLS headers.

    `loss_out` is the fraction of our packets that the peer last reported lost, and `round_trip`
    the last one measured, or None.
    """

    time: float
    bytes_in: int = 0
    bytes_out: int = 0
    frames_in: int = 0
    frames_out: int = 0
    receptions: tuple[Reception, ...] = ()
    loss_out: float = 0.0
    round_trip: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkState:
    """The state of the network over a period.

    Losses are fractions in [0, 1]: `loss` of the packets to us, before retransmission, and
    `loss_out` of those to the peer. `burst` is the mean number of packets to us that were lost in a
    row, 1 if none were. Times are in seconds, bitrates in bit/s, and frame rates in
    frames per second.
    """

    round_trip: float | None
    loss: float
    loss_out: float
    burst: float = 1.0
    jitter: float
    bitrate_in: float
    bitrate_out: float
    frame_rate_in: float
    frame_rate_out: float


def network_state(before: NetworkCounters, after: NetworkCounters) -> NetworkState:
    """Return the state of the network from `before` to `after`.

    Raises:
        ValueError: `after` is older than `before`.
    """
    elapsed = after.time - before.time
    if elapsed < 0:
        raise ValueError(
            f"expected counters in order of time, got {before.time} s then {after.time} s"
        )
    expected = _total(after, "expected") - _total(before, "expected")
    received = _total(after, "received") - _total(before, "received")
    gaps = _total(after, "gaps") - _total(before, "gaps")
    skipped = max(gaps, _total(after, "skipped") - _total(before, "skipped"))

    def rate(first: int, last: int) -> float:
        return (last - first) / elapsed if elapsed else 0.0

    return NetworkState(
        round_trip=after.round_trip,
        loss=_fraction(expected - received, expected),
        loss_out=min(1.0, max(0.0, after.loss_out)),
        burst=skipped / gaps if gaps > 0 else 1.0,
        jitter=max((reception.jitter for reception in after.receptions), default=0.0),
        bitrate_in=BITS * rate(before.bytes_in, after.bytes_in),
        bitrate_out=BITS * rate(before.bytes_out, after.bytes_out),
        frame_rate_in=rate(before.frames_in, after.frames_in),
        frame_rate_out=rate(before.frames_out, after.frames_out),
    )


def _total(snapshot: NetworkCounters, field: str) -> int:
    return sum(getattr(reception, field) for reception in snapshot.receptions)


def _fraction(part: int, whole: int) -> float:
    """Return part / whole in [0, 1]; late or duplicate packets can make `part` negative."""
    return min(1.0, max(0.0, part / whole)) if whole > 0 else 0.0

"""The video buffer in simulated time, beside what could have been decoded."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtc.receiving.retransmission import MAX_REQUESTS
from rtc.receiving.video.buffer import VideoBuffer
from rtc.receiving.video.packet import FrameInfo, VideoPacket
from rtc.receiving.video.requests import COPY_SPACING, MIN_INTERVAL
from tests.rtc.receiving.video.simulation import Camera, Path, Run, Sent, Simulation, number_of

FAR = 1.0  # seconds of a round trip that is not worth waiting for
SEEDS = range(5)


def simulate(
    seed: int,
    *,
    seconds: float = 15.0,
    layers: int = 1,
    named: bool = True,
    loss: float = 0.0,
    jitter: float = 0.0,
    outage: tuple[float, float] = (0.0, 0.0),
    rate: float = 30.0,
) -> Run:
    """Run a camera over a path with 50 ms in each direction."""
    camera = Camera(layers=layers, named=named, rng=random.Random(seed))
    ways = (
        Path(loss=loss, jitter=jitter, outage=outage, rng=random.Random(seed + offset))
        for offset in (100, 200)
    )
    return Simulation(camera, *ways, rate=rate).until(seconds)


def check_order_and_references(run: Run) -> None:
    """Check that frames come in order, each once, and after all that they refer to."""
    shown: set[int] = set()
    numbers = [number_of(frame) for _, frame in run.shown]
    assert numbers == sorted(set(numbers))
    for number in numbers:
        assert run.camera.frames[number].references <= shown
        shown.add(number)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    layers=st.sampled_from([1, 3]),
    named=st.booleans(),
    loss=st.floats(0, 0.4),
    jitter=st.floats(0, 0.03),
)
def test_no_frame_is_released_before_its_references(
    seed: int, layers: int, named: bool, loss: float, jitter: float
) -> None:
    run = simulate(seed, seconds=3, layers=layers, named=named, loss=loss, jitter=jitter)
    check_order_and_references(run)
    for sequence in {sequence for _, sequence in run.requests}:
        times = [time for time, each in run.requests if each == sequence]
        waits = [after - before for before, after in itertools.pairwise(times)]
        copies = [wait for wait in waits if wait < 0.1]
        assert len(times) - len(copies) <= MAX_REQUESTS
        assert all(wait >= COPY_SPACING - 1e-9 for wait in copies)
        # Again after a round trip, and each is sent at most three times.
        runs = zip(waits, waits[1:], waits[2:], strict=False)
        assert all(max(run) >= 0.1 for run in runs)
    waits = [after - before for before, after in itertools.pairwise(run.keyframes)]
    assert all(wait >= MIN_INTERVAL + 0.1 for wait in waits)


def decodable(frames: list[Sent], arrived: set[int]) -> list[int]:
    """Return which frames can be decoded if those packets arrive and no others: the slow way."""
    decoded: set[int] = set()
    for frame in frames:
        complete = all(packet.sequence in arrived for packet in frame.packets)
        if complete and (frame.info.keyframe or frame.references <= decoded):
            decoded.add(frame.number)
    return sorted(decoded)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), layers=st.sampled_from([1, 3]), loss=st.floats(0, 0.3))
def test_everything_that_can_be_decoded_is_released(seed: int, layers: int, loss: float) -> None:
    rng = random.Random(seed)
    camera = Camera(layers=layers, rng=rng)
    frames = [camera.make(index / 30, keyframe=rng.random() < 0.05) for index in range(60)]
    buffer, arrived, released = VideoBuffer(patience=0.4), set[int](), list[int]()
    for frame in frames:
        for packet in frame.packets:
            if packet.sequence == camera.first or rng.random() >= loss:
                arrived.add(packet.sequence)
                step = buffer.add(packet, frame.time, FAR)
                released += [number_of(each) for each in step.frames]
    released += [number_of(each) for each in buffer.poll(100.0, FAR).frames]
    assert released == decodable(frames, arrived)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_packets_in_any_order_give_all_frames_in_order(seed: int) -> None:
    rng = random.Random(seed)
    camera = Camera(layers=rng.choice([1, 3]), named=rng.random() < 0.5, rng=rng)
    frames = [camera.make(index / 30) for index in range(20)]
    packets = [packet for frame in frames for packet in frame.packets]
    shuffled = sorted(packets, key=lambda packet: packet.sequence + rng.uniform(0, 6))
    buffer, released = VideoBuffer(patience=0.4), list[int]()
    for packet in [*shuffled, *rng.choices(packets, k=20)]:  # some come twice
        released += [number_of(each) for each in buffer.add(packet, 0.0, 0.1).frames]
    assert released == list(range(20))


@pytest.mark.parametrize("rate", [1.0, 5.0, 60.0])
def test_without_loss_a_frame_is_released_with_its_last_packet(rate: float) -> None:
    run = simulate(1, seconds=10, rate=rate)
    assert len(run.shown) == len(run.camera.frames)
    for delay, frame in zip(run.delays, run.camera.frames, strict=True):
        assert delay == pytest.approx(0.05 + 0.0005 * (len(frame.packets) - 1))
    assert not run.requests
    assert not run.keyframes


@pytest.mark.slow
def test_a_tenth_of_the_packets_lost_costs_little() -> None:
    """The round trip is 100 ms; requests are lost as well."""
    for layers in (1, 3):
        runs = [simulate(seed, layers=layers, loss=0.1) for seed in SEEDS]
        for run in runs:
            check_order_and_references(run)
        assert np.percentile([delay for run in runs for delay in run.delays], 95) <= 0.2
        assert sum(len(run.shown) for run in runs) >= 0.95 * sum(len(r.camera.frames) for r in runs)
        assert np.median([max(run.gaps) for run in runs]) <= 0.25


@pytest.mark.parametrize("seed", SEEDS)
def test_after_an_outage_of_two_seconds_video_goes_on_at_once(seed: int) -> None:
    start, end = 3.0 + seed / 100, 5.0 + seed / 100
    run = simulate(seed, seconds=7, loss=0.01, outage=(start, end))
    check_order_and_references(run)
    assert max(run.gaps) <= 2.0 + 0.3
    late = [at for (at, _), delay in zip(run.shown, run.delays, strict=True) if delay > 0.25]
    assert max(late, default=0.0) < end + 1
    assert len(run.requests) < 100  # what was lost in the outage is not asked for


def packet(sequence: int, timestamp: int, *, ends: bool = True, **info: bool) -> VideoPacket:
    return VideoPacket(
        sequence=sequence,
        timestamp=timestamp,
        data=timestamp.to_bytes(4, "big"),
        starts=True,
        ends=ends,
        info=FrameInfo(**info),
    )


def test_a_backlog_drains_at_once_when_the_lost_packet_comes() -> None:
    buffer = VideoBuffer(patience=0.4)
    buffer.add(packet(1, 0, keyframe=True), 0.0, 0.1)
    waiting = [buffer.add(packet(3 + index, 2 + index), 0.03 * index, 0.1) for index in range(4)]
    assert not any(step.frames for step in waiting)
    assert waiting[0].missing == [2]
    step = buffer.add(packet(2, 1), 0.12, 0.1, repeated=True)
    assert [number_of(frame) for frame in step.frames] == [1, 2, 3, 4, 5]


def test_a_busy_machine_does_not_take_its_own_delay_for_loss() -> None:
    buffer = VideoBuffer(patience=0.4)
    buffer.add(packet(1, 0, keyframe=True), 0.0, 0.1)
    step = buffer.add(packet(3, 2), 0.03, 0.1)
    assert step.missing == [2]
    # For 0.9 s nothing is read; then all that has come meanwhile is.
    steps = [buffer.add(packet(4 + index, 3 + index), 0.93, 0.1) for index in range(20)]
    steps.append(buffer.poll(0.93, 0.1))
    steps.append(buffer.add(packet(2, 1), 0.94, 0.1, repeated=True))
    assert [number_of(frame) for each in steps for frame in each.frames] == list(range(1, 23))
    assert not any(each.keyframe or each.missing for each in steps)


def test_the_lost_end_of_a_frame_is_requested_before_the_next_frame_comes() -> None:
    buffer = VideoBuffer(patience=0.4)
    buffer.add(packet(1, 0, keyframe=True), 0.0, 0.1)
    step = buffer.add(packet(2, 1, ends=False), 0.1, 0.1)
    assert step.due is not None
    assert step.due < 0.12
    assert buffer.poll(step.due, 0.1).missing == [3]


def test_no_packet_is_requested_that_would_come_too_late() -> None:
    buffer = VideoBuffer(patience=0.4)
    buffer.add(packet(1, 0, keyframe=True), 0.0, 0.35)
    step = buffer.add(packet(3, 2), 0.033, 0.35)
    requests = [0.033] if step.missing else []
    while step.due is not None and step.due < 2:
        due = step.due
        step = buffer.poll(due, 0.35)
        requests += [due] if step.missing else []
    assert requests == [0.033, 0.033 + COPY_SPACING]  # a later answer would come after 0.7 s


def test_padding_is_no_gap_and_no_frame() -> None:
    buffer = VideoBuffer(patience=0.4)
    buffer.add(packet(1, 0, keyframe=True), 0.0, 0.1)
    padding = VideoPacket(
        sequence=2, timestamp=0, data=b"", starts=False, ends=False, info=FrameInfo()
    )
    assert not buffer.add(padding, 0.01, 0.1).frames
    step = buffer.add(packet(3, 1), 0.02, 0.1)
    assert [number_of(frame) for frame in step.frames] == [1]
    assert not step.missing


def test_a_malformed_packet_spoils_its_frame_and_a_keyframe_is_requested() -> None:
    buffer = VideoBuffer(patience=0.4)
    buffer.add(packet(1, 0, keyframe=True), 0.0, 0.1)
    broken = VideoPacket(
        sequence=2, timestamp=1, data=b"", starts=None, ends=True, info=FrameInfo(), malformed=True
    )
    step = buffer.add(broken, 0.03, 0.1)
    assert not step.frames
    assert step.keyframe
    assert not buffer.add(packet(3, 2), 0.06, 0.1).frames
    assert buffer.add(packet(4, 3, keyframe=True), 0.2, 0.1).frames


def test_a_peer_that_ends_no_frame_is_held_in_bounded_memory() -> None:
    buffer = VideoBuffer(patience=0.4)
    buffer.add(packet(1, 0, keyframe=True), 0.0, 0.1)
    for sequence in range(2, 6000):
        buffer.add(packet(sequence, 1, ends=False), 0.03, 0.1)
    assert len(buffer._assembly) <= 1024


def test_after_an_error_of_the_decoder_a_keyframe_is_awaited() -> None:
    buffer = VideoBuffer(patience=0.4)
    buffer.add(packet(1, 0, keyframe=True), 0.0, 0.1)
    buffer.lose()
    step = buffer.add(packet(2, 1), 0.03, 0.1)
    assert not step.frames
    assert step.keyframe
    assert buffer.add(packet(3, 2, keyframe=True), 0.2, 0.1).frames
    assert buffer.add(packet(4, 3), 0.23, 0.1).frames

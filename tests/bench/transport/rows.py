"""The rows of the table: what the path does in each, what is read from a run, and the targets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from rtc.allocation.frame_rate import FrameRateRule, LinkState, best_plan
from tests.bench.transport.figures import time_to_settle, usable, video_figures
from tests.bench.transport.logs import Plan, Samples
from tests.bench.transport.run import Run
from tests.bench.transport.scene import Speech, speech
from tests.bench.transport.sent_video import reference
from tests.bench.transport.sound import Received, place, said, sound_figures
from tests.rtc.link import Burst, Change, Conditions, outage

MS, PERCENT, KBIT = 1_000, 100, 1_000
STOCK, OURS = "stock", "ours"
FIXED, ADAPTIVE = "30 a second", "adaptive"
BITRATE = 900_000  # bit/s of the client's encoder, for the rule of the frame rate
HALF_TRIP = 0.05  # seconds: a round trip of 100 ms
OUTAGE_START, OUTAGE = 6.0, 2.0  # seconds
CAP = 400_000  # bit/s
SAMPLING = 0.5  # seconds between two frames that a model takes, docs/architecture.md
DEAD_FOR = 45.0  # seconds in which a dead peer must be noticed

CALLEES: Mapping[str, Mapping[str, Any]] = {STOCK: {"callee": STOCK}, OURS: {}}

Figures = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Conditions from the beginning of the window on, and what is read from the run.

    `targets` has the limit of a figure: at least a positive number, at most a negative one's
    amount. With `early` the conditions hold from the start. `systems` are the two that are
    compared, and how each changes the plan of a run.
    """

    conditions: Conditions = field(default_factory=Conditions)
    changes: tuple[Change, ...] = ()
    seconds: float | None = None
    up: bool = True
    early: bool = False
    words: bool = False
    read: Callable[[Run], Figures]
    targets: Mapping[str, float] = field(default_factory=dict)
    systems: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: CALLEES)

    @property
    def schedule(self) -> tuple[Change, ...]:
        return self.changes or ((0.0, self.conditions),)

    @property
    def delay(self) -> float:
        return self.conditions.delay

    def plan(self, system: str, seed: int, *, size: tuple[int, int], rate: float) -> Plan:
        plan = Plan(callee=OURS, up=self.up, size=size, rate=rate, seed=seed, speech=60.0)
        return replace(plan, **self.systems[system])


@dataclass(frozen=True, slots=True)
class Words:
    """Sound that was received of some clips, and what was said in them."""

    text: str
    samples: Samples


def video(run: Run) -> Figures:
    sent = reference(run.sender.packets, run.sender.codec)
    found = video_figures(run.sender.captured, sent, run.receiver.seen, run.begin, run.end)
    at_moments = usable(run.sender.captured, sent, run.receiver.seen, run.begin, run.end, SAMPLING)
    seconds = run.end - run.begin
    return {
        "capture to seen p50, ms": MS * found.p50,
        "capture to seen p95, ms": MS * found.p95,
        "longest gap, ms": MS * found.gap,
        "longest time without any frame, ms": MS * found.pause,
        "substitutes": found.substitutes,
        "frames captured a second": found.captured / seconds,
        "intact frames, %": PERCENT * found.intact,
        "of those shown, damaged, %": PERCENT * found.corrupt,
        "sampling moments with a usable frame, %": PERCENT * at_moments,
        "sent, kbit/s": 8 * run.sent_bytes / seconds / KBIT,
        "lost packets, %": PERCENT * run.lost / max(1, run.sent),
        "sender, cores": run.sender.cpu / seconds,
        "receiver, cores": run.receiver.cpu / seconds,
    }


def placed(run: Run) -> tuple[Speech, Received]:
    spoken = speech(run.plan.speech, run.plan.seed)
    return spoken, place(run.receiver.heard, spoken.samples, run.receiver.concealed)


def sound(run: Run) -> Figures:
    _, received = placed(run)
    found = sound_figures(
        run.receiver.heard,
        received,
        run.sender.spoken,
        begin=run.begin,
        end=run.end,
        delay=run.delay,
    )
    return {
        "sound delivered, %": PERCENT * found.delivered,
        "sound delivered or concealed, %": PERCENT * (found.delivered + found.concealed),
        "sound later than the path p50, ms": MS * found.p50,
        "sound later than the path p95, ms": MS * found.p95,
        "the same in the last 3 s, ms": MS * found.last,
    }


def both(run: Run) -> Figures:
    return {**video(run), **sound(run)}


def words(run: Run) -> Words:
    spoken, received = placed(run)
    return Words(*said(spoken, received, run.sender.spoken, run.begin, run.end))


def after_outage(run: Run) -> Figures:
    over = run.begin + OUTAGE_START + OUTAGE
    found = video(run)
    settled = time_to_settle(
        run.sender.captured,
        run.receiver.seen,
        begin=run.begin,
        cut=run.begin + OUTAGE_START,
        over=over,
    )
    return {
        "extra freeze, ms": found["longest gap, ms"] - MS * OUTAGE,
        "late after it for, ms": MS * settled,
        **found,
    }


def capped(run: Run) -> Figures:
    found = video(run)
    return {"sent, of the cap": found["sent, kbit/s"] * KBIT / CAP, **found}


def noticed(run: Run) -> Figures:
    """Return when the receiver first said that something is wrong."""
    times = [time for time, _ in run.receiver.notices if time > run.begin]
    return {"dead peer noticed after, s": min(times, default=run.end + 1) - run.begin}


def _rates(loss: float) -> Row:
    """Return a row that compares the rate of `rtc.allocation.frame_rate` with a fixed one."""
    link = LinkState(loss=loss, round_trip=2 * HALF_TRIP, bitrate=BITRATE)
    rate = best_plan(link, FrameRateRule(layered=False)).rate
    return Row(
        conditions=_lossy(loss),
        read=video,
        systems={FIXED: {}, ADAPTIVE: {"rate": rate}},
        targets={"sampling moments with a usable frame, %": 98.0},
    )


def _lossy(share: float) -> Conditions:
    return Conditions(loss=share, delay=HALF_TRIP)


_trip = Conditions(delay=HALF_TRIP)
_cap = Conditions(delay=HALF_TRIP / 2, rate=CAP)
P95 = "capture to seen p95, ms"
_sound_targets = {
    "sound delivered or concealed, %": 99.0,
    "sound later than the path p50, ms": -80.0,
}
_lossy_row = partial(Row, read=both, words=True)

ROWS: dict[str, Row] = {
    "clean": Row(read=both, words=True, targets={P95: -20.0}),
    "round trip 100 ms": _lossy_row(
        conditions=_trip, targets={"sound delivered or concealed, %": 99.9}
    ),
    "loss 5 %": _lossy_row(conditions=_lossy(0.05), targets=_sound_targets),
    "loss 10 %": _lossy_row(
        conditions=_lossy(0.1),
        targets={
            P95: -200.0,
            "longest gap, ms": -250.0,
            "intact frames, %": 80.0,
            **_sound_targets,
        },
    ),
    "loss 20 %": _lossy_row(conditions=_lossy(0.2)),
    "bursts 10 %": _lossy_row(conditions=replace(_trip, burst=Burst.of(0.1, 5.0)), targets={}),
    "jitter": _lossy_row(
        conditions=replace(_trip, jitter=0.03, reordered=0.02, duplicated=0.01), targets={}
    ),
    "outage 2 s": Row(
        conditions=_trip,
        changes=tuple(outage(_trip, OUTAGE_START, OUTAGE)),
        seconds=20.0,
        read=after_outage,
        targets={"extra freeze, ms": -300.0, "late after it for, ms": -1_000.0},
    ),
    "drop to 400 kbit/s": Row(conditions=_cap, read=capped, targets={P95: -300.0}),
    "cap 400 kbit/s": Row(
        early=True, conditions=_cap, read=capped, targets={"sent, of the cap": -1.1, P95: -300.0}
    ),
    **{f"frame rate, loss {loss} %": _rates(loss / 100) for loss in (0, 5, 10, 20)},
    "sending, clean": Row(up=False, read=video),
    "sending, loss 10 %": Row(up=False, conditions=_lossy(0.1), read=video),
    "sending, drop to 400 kbit/s": Row(
        up=False, conditions=_cap, read=capped, targets={P95: -300.0}
    ),
    "sending, cap 400 kbit/s": Row(
        up=False,
        early=True,
        conditions=_cap,
        read=capped,
        targets={"sent, of the cap": -1.1, P95: -300.0},
    ),
    "dead": Row(
        conditions=replace(_trip, up=False),
        seconds=DEAD_FOR,
        read=noticed,
        targets={"dead peer noticed after, s": -3.0},
    ),
}

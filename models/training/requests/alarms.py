"""Scores of notices: misses, delays and false alarms against labels."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.assistant.requests.evidence import (
    count_probability,
    person_probability,
    shows_sign,
    thing_probability,
)
from models.assistant.requests.targets import Target
from models.assistant.scene.perception import Observation
from models.assistant.scene.seen_text import says
from models.training.requests.timelines import RATE, ObservationTimeline

MISSED = 10.0  # seconds that a miss counts as
ASKED = 12  # most requests for a timeline: all targets in it, and some that are not
# Indices of a timeline's frames with a notice that the target came (True) or went (False).
Notices = Sequence[tuple[int, bool]]


@dataclass(frozen=True, slots=True, eq=False)
class RequestTrial:
    """Observations, a target, and whether each observation shows it."""

    observations: Sequence[Observation]
    target: Target
    truth: Sequence[bool]


@dataclass(slots=True)
class NoticeScore:
    """Delays of noticed events, and false alarms."""

    came: list[int] = field(default_factory=list)  # observations from each event to its notice
    went: list[int] = field(default_factory=list)
    events: int = 0
    alarms: int = 0
    hours: float = 0.0

    @property
    def observations(self) -> list[int]:
        return self.came + self.went

    @property
    def missed(self) -> float:
        """Share of events without a notice before their end."""
        return 1 - len(self.observations) / self.events if self.events else math.nan

    @property
    def alarms_per_hour(self) -> float:
        return self.alarms / self.hours if self.hours else math.nan

    @property
    def wait(self) -> float:
        """Mean seconds from event to notice; a miss counts as `MISSED`."""
        missed = self.events - len(self.observations)
        return (sum(self.observations) / RATE + MISSED * missed) / max(self.events, 1)

    def row(self) -> str:
        """Return the columns of a table: events, missed, looks p50, seconds p50 and p95, alarms."""
        text = f"{self.alarms} in {self.hours:.2f} h, {self.alarms_per_hour:.1f} an hour |"
        if not self.events:
            return f"0 | | | | {text}"
        observations: list[float] = [*self.observations] or [math.nan]
        p50, p95 = np.percentile(observations, [50, 95])
        return (
            f"{self.events} | {100 * self.missed:.0f} % | {p50:.0f} | "
            f"{p50 / RATE:.1f} / {p95 / RATE:.1f} | {text}"
        )


def judge(score: NoticeScore, truth: Sequence[bool], notices: Notices) -> None:
    """Add `notices` to `score`; the observation that first shows an event is number 1."""
    score.hours += len(truth) / RATE / 3600
    used: set[int] = set()
    for at in range(1, len(truth)):
        if truth[at] == truth[at - 1]:
            continue
        score.events += 1
        until = next((i for i in range(at, len(truth)) if truth[i] != truth[at]), len(truth))
        hit = next((i for i, came in notices if at <= i < until and came == truth[at]), None)
        if hit is not None:
            used.add(hit)
            (score.came if truth[at] else score.went).append(hit - at + 1)
    score.alarms += sum(at not in used for at, _ in notices)


def trials(timelines: Iterable[ObservationTimeline], asked: Sequence[Target]) -> list[RequestTrial]:
    """Return the trials of each timeline: people, its targets, and some others."""
    out = []
    for index, timeline in enumerate(timelines):
        truths = [(target, timeline.truth(target)) for target in asked]
        known = [(target, truth) for target, truth in truths if truth is not None]
        first = [pair for pair in known if any(pair[1]) or pair[0].people]
        rest = [pair for pair in known if not (any(pair[1]) or pair[0].people)]
        start = index % max(len(rest), 1)
        chosen = (first + rest[start:] + rest[:start])[:ASKED]
        out += [RequestTrial(timeline.observations, target, truth) for target, truth in chosen]
    return out


def share(observation: Observation, target: Target) -> float:
    """Return the probability of `target` by `observation` alone; 0 or 1 for signs and text."""
    if target.reads:
        texts = [text for text, _ in observation.scene.text]
        return float(says(texts, target.phrase) if target.phrase else bool(texts))
    if target.sign is not None:
        return float(shows_sign(observation, target.sign))
    if target.people:
        return person_probability(observation, target.people)
    if target.count > 1:
        return count_probability(observation, target)
    return thing_probability(observation, target.name_ids)

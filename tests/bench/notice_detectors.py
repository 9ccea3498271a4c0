"""Detectors of what a standing request asks about, scored alike: a baseline and the service's."""

from collections.abc import Callable, Iterable, Sequence

from models.assistant.requests.parsing import Request
from models.assistant.requests.standing_requests import (
    RequestDecision,
    RequestTracker,
    TrackedRequests,
)
from models.assistant.requests.targets import Target
from models.assistant.scene.perception import Observation
from models.training.requests.alarms import Notices, NoticeScore, RequestTrial, judge, share

RequestStep = Callable[
    [TrackedRequests, Observation], tuple[TrackedRequests, Sequence[RequestDecision]]
]
NoticeDetector = Callable[[Sequence[Observation], Target], Notices]


def scored(detect: NoticeDetector, trials: Iterable[RequestTrial]) -> NoticeScore:
    score = NoticeScore()
    for trial in trials:
        judge(score, trial.truth, detect(trial.observations, trial.target))
    return score


def in_a_row(count: int) -> NoticeDetector:
    """Return a detector that needs `count` observations in a row on the other side of one half.

    A count of 1 is the baseline: a notice at the first observation above one half.
    """

    def detect(observations: Sequence[Observation], target: Target) -> Notices:
        out = []
        now = share(observations[0], target) > 0.5
        agree = 0
        for index, observation in enumerate(observations):
            agree = agree + 1 if (share(observation, target) > 0.5) is not now else 0
            if agree == count:
                now, agree = not now, 0
                out.append((index, now))
        return out

    return detect


def watched(
    standing: RequestTracker, *, step: RequestStep | None = None, every: int = 1
) -> NoticeDetector:
    """Return the detector of the service, with requests for each arrival and each departure.

    `step` of `standing`, by default that of things and people, sees each observation, or `every`
    so many.
    """
    step = step or standing.step

    def detect(observations: Sequence[Observation], target: Target) -> Notices:
        state = standing.init_state()
        for gone in (False, True):
            request = Request(target=target, absent=gone, on_change=True, repeat=True)
            state = standing.add(state, request, observations[0].scene.time)
        out = []
        for index in range(0, len(observations), every):
            state, noticed = step(state, observations[index])
            out += [(index, notice.id == 1) for notice in noticed]
        return out

    return detect

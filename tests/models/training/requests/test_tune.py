"""Choosing when to speak: timelines, what notices are worth, and the search."""

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.assistant.requests.evidence import EvidenceConfig, LogOddsModel
from models.assistant.requests.standing_requests import RequestTracker
from models.assistant.requests.targets import Target
from models.assistant.scene.perception import Observation
from models.assistant.scene.query_parsing import find_name_ids
from models.assistant.scene.scene_entry import SceneEntry
from models.training.requests.alarms import NoticeScore, judge, trials
from models.training.requests.timelines import LabeledPicture, compose, targets, whole
from models.training.requests.tune import best, crossings, fitted, logistic
from models.vision.class_names import NAMES
from models.vision.detection import unplaced_persons
from tests.bench.notice_detectors import in_a_row, scored, watched

CUP = Target(label="a cup", name_ids=find_name_ids("cup"))
SOMEONE = Target(label="someone", people=1)


def observation(cup: float, person: float = 0.0, time: float = 0.0) -> Observation:
    shares = torch.zeros(len(NAMES))
    shares[NAMES.index("cup")] = cup
    moment = SceneEntry(time=time, names=(("cup", 1.0),), people=int(person >= 0.5))
    return Observation(moment, shares, detections=unplaced_persons([person] if person else []))


def picture(
    name: str,
    objects: Sequence[Sequence[str]],
    observations: Sequence[Observation],
    people: int | None = 0,
) -> LabeledPicture:
    return LabeledPicture(
        id=name, clip=name.startswith("clip"), half=0, objects=objects, people=people,
        colors=(), observations=tuple(observations),
    )  # fmt: skip


def test_a_label_says_yes_no_or_leaves_it_open() -> None:
    cheetah = picture("a", [["cheetah", "cat"]], [observation(0)], people=None)
    assert cheetah.shows(Target(label="", name_ids=find_name_ids("cheetah"))) is True
    assert cheetah.shows(Target(label="", name_ids=find_name_ids("cat"))) is None
    assert cheetah.shows(CUP) is False
    assert cheetah.shows(SOMEONE) is None
    assert picture("b", [["person"]], [observation(0)], people=None).shows(SOMEONE) is True
    assert (
        picture("b", [["cup"]], [observation(0)], people=2).shows(Target(label="", people=3))
        is False
    )


def test_delays_misses_and_false_alarms_are_counted() -> None:
    truth = [False] * 4 + [True] * 4 + [False] * 4
    score = NoticeScore()
    judge(score, truth, [(2, True), (5, True), (6, True)])
    assert (score.events, score.came, score.went, score.alarms) == (2, [2], [], 2)
    assert score.missed == 0.5
    assert score.wait == (1.0 + 10.0) / 2
    assert score.hours == 6 / 3600


def test_two_in_a_row_ignores_a_single_odd_observation() -> None:
    observations = [observation(share) for share in (0, 0.9, 0, 0.9, 0.9, 0, 0, 0)]
    assert in_a_row(1)(observations, CUP) == [(1, True), (2, False), (3, True), (5, False)]
    assert in_a_row(2)(observations, CUP) == [(4, True), (6, False)]


def test_the_same_seed_composes_the_same_timelines() -> None:
    pictures = [picture(str(i), [["cup"]], [observation(0.1 * i)] * 3) for i in range(5)]
    pictures += [
        picture(f"clip {i}", [["dog"]], [observation(0, time=t / 2) for t in range(40)])
        for i in range(5)
    ]
    one, two = (list(compose(pictures, 3, seed=7)) for _ in range(2))
    assert [[s[:2] for s in line.scenes] for line in one] == [
        [s[:2] for s in line.scenes] for line in two
    ]
    line = one[0]
    assert [seen.scene.time for seen in line.observations] == [
        i / 2 for i in range(len(line.observations))
    ]
    truth = line.truth(CUP)
    assert truth is not None
    for begin, end, shown in line.scenes:
        assert truth[begin:end] == [not shown.clip] * (end - begin)
    assert [len(clip.observations) for clip in whole(pictures)] == [40] * 5


def test_people_and_first_known_names_can_be_asked_for() -> None:
    labels = [
        target.label
        for target in targets([picture("a", [["teacup", "cup"], ["qqq"]], [observation(0)])])
    ]
    assert labels == ["1 people", "2 people", "teacup"]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=60))
def test_the_search_decides_as_the_service_does(seen: list[tuple[float, float]]) -> None:
    observations = [observation(cup, person, index / 2) for index, (cup, person) in enumerate(seen)]
    tuning = EvidenceConfig()
    for target, shares in (
        (CUP, [float(one.probabilities[NAMES.index("cup")]) for one in observations]),
        (SOMEONE, [one.person_scores[0] if one.person_scores else 0.05 for one in observations]),
    ):
        plain = crossings(shares, tuning.model_for(target), tuning.threshold)
        assert watched(RequestTracker())(observations, target) == plain


def test_logistic_regression_finds_the_line_that_made_the_data() -> None:
    rng = torch.Generator().manual_seed(3)
    x = torch.randn(20_000, generator=rng) * 2
    there = torch.rand(20_000, generator=rng) < (1.5 * x).sigmoid()
    slope, offset = logistic(x, there)
    assert slope == pytest.approx(1.5, abs=0.1)  # three standard errors of 20,000 looks
    assert offset == pytest.approx(0.0, abs=0.1)


def test_a_share_that_tells_gives_evidence_with_the_right_sign() -> None:
    pictures = [picture(f"{i}", [["cup"]], [observation(0.3 + 0.05 * i)]) for i in range(10)]
    pictures += [picture(f"n{i}", [["dog"]], [observation(0.05 * i)]) for i in range(10)]
    slope, offset = fitted(pictures, [CUP])
    assert slope > 0
    assert slope * math.log(0.9 / 0.1) + offset > 0 > slope * math.log(0.01 / 0.99) + offset


def test_the_best_setting_keeps_to_the_budget() -> None:
    def tried(wait: int, alarms: int) -> tuple[LogOddsModel, NoticeScore]:
        weighing = LogOddsModel(slope=1, offset=0, max_gain=1, max_loss=1, cap=wait)
        return weighing, NoticeScore(came=[wait], events=1, alarms=alarms, hours=1)

    pairs = [tried(2, 9), tried(4, 3), tried(6, 1)]
    assert best(pairs, 4)[0].cap == 4
    assert best(pairs, 10)[0].cap == 2
    with pytest.raises(ValueError, match=r"the least is 1\.00"):
        best(pairs, 0.5)


def test_the_sum_has_fewer_false_alarms_than_the_first_observation_on_a_flickering_share() -> None:
    rng = torch.Generator().manual_seed(1)
    flicker = [
        observation(0.6 if float(torch.rand((), generator=rng)) < 0.15 else 0.0) for _ in range(40)
    ]
    there = [
        observation(0.6 if float(torch.rand((), generator=rng)) < 0.85 else 0.02) for _ in range(40)
    ]
    pictures = [picture(f"{i}", [["dog"]], flicker) for i in range(8)]
    pictures += [picture(f"c{i}", [["cup"]], there) for i in range(4)]
    asked = trials(compose(pictures, 40, seed=0), [CUP])
    first, ours = scored(in_a_row(1), asked), scored(watched(RequestTracker()), asked)
    assert ours.alarms < first.alarms / 2

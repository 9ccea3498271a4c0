"""When the service speaks: the sum of evidence, its thresholds, and what is said."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.assistant.requests.evidence import EvidenceConfig, log_odds
from models.assistant.requests.parsing import Request, StopRequest, parse_request
from models.assistant.requests.phrases import condition, confirmation
from models.assistant.requests.standing_requests import (
    RequestDecision,
    RequestTracker,
    TrackedRequests,
)
from models.assistant.scene import perception
from models.assistant.scene.perception import Observation
from models.assistant.scene.scene_entry import SceneEntry
from models.errors import TooManyRequestsError
from models.vision.class_names import NAMES
from models.vision.detection import Detection, unplaced_persons
from tests.models.packaged import folder

STANDING = RequestTracker()
BLACK = Observation(SceneEntry(time=0.0, names=()), torch.zeros(len(NAMES)))


def observation(
    time: float, *, people: int = 0, colour: str = "", **probabilities: float
) -> Observation:
    """Return a observation of sure persons and given probabilities."""
    seen = torch.full((len(NAMES),), 1e-4)
    for name, probability in probabilities.items():
        seen[NAMES.index(name)] = probability
    main = max(probabilities, key=lambda name: probabilities[name], default="wall")
    moment = SceneEntry(time=time, names=((main, 1.0),), colour=colour, people=people)
    return Observation(moment, seen, detections=unplaced_persons([0.95] * people))


def parsed(text: str) -> Request:
    request = parse_request(text)
    assert isinstance(request, Request)
    return request


def tracking(*texts: str) -> TrackedRequests:
    state = STANDING.init_state()
    for text in texts:
        state = STANDING.add(state, parsed(text), 0.0)
    return state


def shown(
    state: TrackedRequests, observations: Sequence[Observation]
) -> tuple[TrackedRequests, list[RequestDecision]]:
    out: list[RequestDecision] = []
    for seen in observations:
        state, met = STANDING.step(state, seen)
        out += met
    return state, out


def scene(start: float, count: int, *, people: int = 0, **seen: float) -> list[Observation]:
    """Return `count` observations, two a second."""
    return [
        observation(start + index / 2, people=people, colour="", **seen) for index in range(count)
    ]


def test_someone_who_comes_in_is_announced_once() -> None:
    state = tracking("tell me when someone comes in")
    state, met = shown(state, scene(0, 20) + scene(10, 20, people=1) + scene(20, 20))
    assert len(met) == 1
    assert 10 <= met[0].time <= 12
    assert met[0].sentence == "Someone has come into view."
    assert met[0].scene.people == 1
    assert state.requests == ()


def test_someone_who_is_there_already_does_not_come_in() -> None:
    state = tracking("tell me when someone comes in")
    state, met = shown(state, scene(0, 40, people=1))
    assert met == []
    _, met = shown(state, scene(20, 20) + scene(30, 20, people=1))
    assert [note.time >= 30 for note in met] == [True]


def test_a_thing_in_view_already_counts_if_seeing_it_is_requested() -> None:
    _, met = shown(tracking("let me know when you see my cup"), scene(0, 10, cup=0.9))
    assert [note.sentence for note in met] == ["A cup is in view."]
    assert met[0].time <= 1


def cups(start: float, count: int, number: int) -> list[Observation]:
    """Return `count` observations, two a second, with boxes of `number` cups."""
    boxes = tuple(
        Detection("cup", each / 9, 0.4, each / 9 + 0.1, 0.6, 0.9) for each in range(number)
    )
    return [replace(each, detections=boxes) for each in scene(start, count, cup=0.9)]


def test_a_number_of_things_is_announced_when_there_are_as_many() -> None:
    state = tracking("tell me when there are two cups")
    state, met = shown(state, cups(0, 20, 1) + cups(10, 20, 2))
    assert [note.sentence for note in met] == ["Two cups have come into view."]
    assert 10 <= met[0].time <= 13
    assert state.requests == ()


def test_fewer_things_are_announced_when_one_is_gone() -> None:
    state = tracking("tell me when there are fewer than two cups")
    _, met = shown(state, cups(0, 20, 2) + cups(10, 20, 1))
    assert [note.sentence for note in met] == ["I no longer see two cups."]
    assert 10 <= met[0].time <= 13


def test_two_people_are_announced_and_one_is_not() -> None:
    state = tracking("tell me when there are two people")
    _, met = shown(state, scene(0, 20, people=1) + scene(10, 20, people=2))
    assert [note.sentence for note in met] == ["Two people have come into view."]
    assert 10 <= met[0].time <= 13


def test_each_time_means_each_time() -> None:
    state = tracking("tell me whenever you see a cat")
    visits = scene(0, 10, cat=0.9) + scene(5, 10) + scene(10, 10, cat=0.9) + scene(15, 10)
    state, met = shown(state, visits)
    assert [note.time < 10 for note in met] == [True, False]
    assert len(state.requests) == 1


def test_a_dog_that_leaves_must_have_been_seen() -> None:
    _, met = shown(tracking("say stop when the dog leaves"), scene(0, 40))
    assert met == []
    observations = scene(0, 10, dog=0.9) + scene(5, 10)
    _, met = shown(tracking("say stop when the dog leaves"), observations)
    assert [note.sentence for note in met] == ["Stop! I no longer see the dog."]


def test_nobody_is_announced_at_once_or_only_after_somebody() -> None:
    _, met = shown(tracking("warn me if nobody is in the room"), scene(0, 20))
    assert [note.sentence for note in met] == ["Nobody is in view."]
    any_more = "warn me if nobody is in the room any more"
    assert shown(tracking(any_more), scene(0, 20))[1] == []
    _, met = shown(tracking(any_more), scene(0, 10, people=2) + scene(5, 20))
    assert [note.sentence for note in met] == ["Nobody is in view any more."]


def test_a_covered_camera_is_no_empty_room() -> None:
    state, _ = shown(tracking("warn me if nobody is in the room any more"), scene(0, 10, people=1))
    dark = [
        Observation(SceneEntry(time=5 + i / 2, names=()), BLACK.probabilities) for i in range(100)
    ]
    assert shown(state, dark)[1] == []


def test_two_people_are_more_than_one() -> None:
    state = tracking("tell me when more than one person is in the room")
    state, met = shown(state, scene(0, 20, people=1))
    assert met == []
    _, met = shown(state, scene(10, 20, people=2))
    assert [note.sentence for note in met] == ["Two people have come into view."]


def test_a_cup_of_another_color_is_not_the_red_cup() -> None:
    blue = [observation(i / 2, cup=0.9, colour="blue") for i in range(20)]
    red = [observation(10 + i / 2, cup=0.9, colour="red") for i in range(20)]
    _, met = shown(tracking("tell me when you see a red cup"), blue + red)
    assert [note.time >= 10 for note in met] == [True]
    assert "red cup" in met[0].sentence


def test_one_odd_observation_does_not_make_anyone_leave() -> None:
    state = tracking("tell me when nobody is in the room any more")
    state, _ = shown(state, scene(0, 20, people=1))
    _, met = shown(state, [observation(10.0), *scene(10.5, 20, people=1)])
    assert met == []


def test_more_observations_in_the_same_time_are_no_more_evidence() -> None:
    """A flicker of half a second weighs the same at two observations a second and at twenty."""

    def sum_after(rate: int) -> float:
        state = tracking("tell me when someone comes in")
        state, _ = STANDING.step(state, observation(0.0, people=1))
        state, _ = shown(state, [observation(i / rate) for i in range(1, rate // 2 + 1)])
        return state.requests[0].log_odds

    assert sum_after(20) == pytest.approx(sum_after(2))


def test_an_animal_is_called_what_it_is() -> None:
    _, met = shown(
        tracking("tell me when an animal comes in"), scene(0, 20) + scene(10, 9, owl=0.9)
    )
    assert [note.sentence for note in met] == ["An owl has come into view."]


def test_too_many_requests_are_refused_and_the_others_stand() -> None:
    standing = RequestTracker(limit=2)
    state = standing.init_state()
    for _ in range(2):
        state = standing.add(state, parsed("tell me when someone comes in"), 0.0)
    with pytest.raises(TooManyRequestsError, match="watching for 2 things"):
        standing.add(state, parsed("tell me when you see a cup"), 0.0)
    assert len(state.requests) == 2


def test_stopping_ends_what_is_named_or_all() -> None:
    state = tracking("tell me when someone comes in", "tell me when you see a cup")
    cup = parse_request("stop watching for the cup")
    assert isinstance(cup, StopRequest)
    rest, ended = STANDING.stop(state, cup)
    assert [watch.request.target.label for watch in ended] == ["a cup"]
    assert [watch.request.target.label for watch in rest.requests] == ["someone"]
    nothing, ended = STANDING.stop(state, StopRequest())
    assert (nothing.requests, len(ended)) == ((), 2)
    assert STANDING.stop(nothing, StopRequest())[1] == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tell me when someone comes in", "I will tell you when someone comes into view."),
        ("tell me whenever you see a cat", "I will tell you each time I see a cat."),
        ("say stop when the dog leaves", 'I will say "stop" when I no longer see a dog.'),
        ("warn me if nobody is here", "I will tell you when nobody is in view."),
        (
            "tell me when two people come in",
            "I will tell you when two people come into view.",
        ),
    ],
)
def test_the_confirmation_says_what_is_watched_for(text: str, sentence: str) -> None:
    request = parsed(text)
    assert confirmation(request) == sentence
    assert sentence.endswith(f"{condition(request)}.")


@pytest.mark.slow
def test_a_cheetah_on_a_real_photograph_is_announced_within_two_seconds() -> None:
    import gradio

    home = folder("efficientnet-lite0").parent
    folder("persons")
    folder("things")
    model = perception.load(home)
    pictures = Path(gradio.__file__).parent / "media_assets/images"
    tower, cheetah = (
        model.analyze(np.array(Image.open(pictures / name).convert("RGB")), 0.0)
        for name in ("tower.jpg", "cheetah1.jpg")
    )
    shown_ = [tower] * 8 + [cheetah] * 8
    observations = [
        replace(seen, scene=replace(seen.scene, time=at / 2)) for at, seen in enumerate(shown_)
    ]
    asking = ("tell me when a cheetah appears", "tell me when someone comes in")
    _, met = shown(tracking(*asking), observations)
    assert [note.id for note in met] == [1]
    assert 4 <= met[0].time <= 6
    assert met[0].sentence.startswith("A cheetah has come into view")


WORLD = st.lists(
    st.tuples(st.integers(0, 2), st.floats(0, 1), st.floats(0.05, 2.0), st.booleans()), max_size=60
)
TEXTS = (
    "tell me whenever someone comes in",
    "tell me every time you see no cup",
    "tell me each time you see a red cup",
    "whenever two people come in, say two",
)


def world(drawn: list[tuple[int, float, float, bool]]) -> list[Observation]:
    time, out = 0.0, []
    for people, probability, gap, red in drawn:
        time += gap
        out.append(
            observation(time, people=people, cup=probability, colour="red" if red else "blue")
        )
    return out


def plainly(request: Request, observations: Sequence[Observation]) -> list[float]:
    """Return when a request that stands each time is due: the slow reference, from the start."""
    tuning = EvidenceConfig()
    cap = tuning.model_for(request.target).cap
    times = []
    for end in range(1, len(observations) + 1):
        history: list[bool] = []
        total, crossed = 0.0, -1
        for index, seen in enumerate(observations[:end]):
            gap = seen.scene.time - observations[index - 1].scene.time if index else 0.5
            total += min(gap / 0.5, 1) * log_odds(request.target, seen, tuning)
            total = max(-cap, min(cap, total))
            if abs(total) >= tuning.threshold and (not history or history[-1] is not (total > 0)):
                history.append(total > 0)
                crossed = index
        decided = crossed == end - 1 and history[-1] is not request.absent
        if decided and (len(history) > 1 or not request.on_change):
            times.append(observations[end - 1].scene.time)
    return times


@settings(max_examples=40)
@given(WORLD)
def test_steps_speak_when_the_plain_reference_does(
    drawn: list[tuple[int, float, float, bool]],
) -> None:
    observations = world(drawn)
    _, met = shown(tracking(*TEXTS), observations)
    for number, text in enumerate(TEXTS, 1):
        messages = [note.time for note in met if note.id == number]
        assert messages == plainly(parsed(text), observations)


@settings(max_examples=40)
@given(WORLD, st.integers(0, 60))
def test_later_observations_change_no_earlier_message_and_a_kept_state_continues_the_same(
    drawn: list[tuple[int, float, float, bool]], cut: int
) -> None:
    observations = world(drawn)
    first, messages = shown(tracking(*TEXTS), observations[:cut])
    whole, all_messages = shown(tracking(*TEXTS), observations)
    assert all_messages[: len(messages)] == messages
    again, rest = shown(first, observations[cut:])
    assert (again, messages + rest) == (whole, all_messages)
    assert STANDING.flush(again) == ()

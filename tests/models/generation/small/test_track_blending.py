"""Drawn and planned paths: each thing by itself, and over from one to the other without a jump."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.generation.small.planner import MotionPlan, plan_motion
from models.generation.small.prompts.reader import read_prompt
from models.generation.small.track_blending import TRANSITION_FRAMES, MotionState, blend_tracks
from tests.models.generation.small.worlds import SMALL


def planned(text: str) -> MotionPlan:
    return plan_motion(read_prompt(text, SMALL))


LEFT_RIGHT = planned("a duck moving left and a car moving right")
STILL = planned("a duck, still, and a car, still")
ONE = planned("a duck moving left")
CHUNK = 4
QUICK = 0.12  # of the frame in a picture: paths of fast words, and the way over to them


def drawn(place: float | None = None, thing: int = 0) -> Tensor:
    track = torch.full((2, CHUNK, 2), torch.nan)
    if place is not None:
        track[thing] = place
    return track


def test_things_without_a_track_follow_the_plan() -> None:
    moving, places = MotionState(), []
    for _ in range(5):
        moving, track = blend_tracks(moving, LEFT_RIGHT, drawn())
        places.append(track)
    torch.testing.assert_close(torch.cat(places, 1), LEFT_RIGHT.track(0, 5 * CHUNK))


def test_a_drawn_track_wins_thing_by_thing() -> None:
    _, track = blend_tracks(MotionState(), LEFT_RIGHT, drawn(0.25, thing=1))
    torch.testing.assert_close(track[0], LEFT_RIGHT.track(0, CHUNK)[0])
    torch.testing.assert_close(track[1], torch.full((CHUNK, 2), 0.25))


def test_without_a_plan_and_a_track_a_thing_is_nowhere() -> None:
    _, track = blend_tracks(MotionState(), None, drawn())
    assert track.isnan().all()
    _, track = blend_tracks(MotionState(), ONE, drawn())
    assert track[1].isnan().all()  # the prompt names one


def test_after_a_track_a_thing_goes_over_to_its_planned_path() -> None:
    moving, _ = blend_tracks(MotionState(), STILL, drawn(0.9))
    places = []
    for _ in range(TRANSITION_FRAMES // CHUNK + 1):
        moving, track = blend_tracks(moving, STILL, drawn())
        places.append(track[0])
    way = torch.cat(places)
    home = STILL.track(0, 1)[0, 0]
    torch.testing.assert_close(way[TRANSITION_FRAMES - 1], home)
    torch.testing.assert_close(way[TRANSITION_FRAMES // 2 - 1], (home + 0.9) / 2)
    torch.testing.assert_close(way[-1], home)


PLANS = st.sampled_from([LEFT_RIGHT, STILL, planned("a duck circling a car bouncing")])


@given(asked=st.lists(st.tuples(PLANS, st.booleans()), min_size=1, max_size=12))
@settings(max_examples=30)
def test_no_thing_jumps_when_prompts_change_and_tracks_end(
    asked: list[tuple[MotionPlan, bool]],
) -> None:
    moving, places = MotionState(), []
    for wanted, hand in asked:
        last = moving.last
        held = drawn()
        if hand and last is not None:
            held[0] = last[0]  # a hand takes the thing where it is
        moving, track = blend_tracks(moving, wanted, held)
        places.append(track)
    steps = torch.cat(places, 1).diff(dim=1).abs()
    assert steps.max() <= QUICK

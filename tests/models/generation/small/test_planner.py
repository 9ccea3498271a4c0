import pytest
import torch

from models.generation.small.planner import MotionPlan, plan_motion
from models.generation.small.prompts.reader import read_prompt
from models.generation.small.prompts.reading import CAPTION_MOTIONS, MOTIONS
from tests.models.generation.small.worlds import SMALL


def planned(text: str) -> MotionPlan:
    return plan_motion(read_prompt(text, SMALL))


def test_a_thing_without_a_motion_and_a_prompt_without_things_have_a_free_path() -> None:
    assert planned("a duck and a car circling slowly") == MotionPlan(("circle",) * 2, (0.55,) * 2)
    assert planned("a duck on grass and a car rising") == MotionPlan(("free", "up"), (1.0, 1.0))
    assert planned("grass") == MotionPlan(("free",), (1.0,))


def test_a_third_thing_has_no_path() -> None:
    assert len(planned("a duck and a car and a balloon").motions) == 2


@pytest.mark.parametrize("motion", [*MOTIONS, "free"])
def test_paths_stay_in_the_frame_for_ten_minutes_without_a_leap_except_the_way_back(
    motion: str,
) -> None:
    made = planned(f"a duck {CAPTION_MOTIONS.get(motion, '')}")
    assert made.motions == (motion,)
    track = made.track(0, 9600)
    assert track.min() > 0.08
    assert track.max() < 0.92
    steps = (track[:, 1:] - track[:, :-1]).norm(dim=2)
    assert steps.max() < 0.2
    assert (steps.max() > 0.005) == (motion != "still")


@pytest.mark.parametrize("motion", [*MOTIONS, "free"])
def test_two_things_that_move_alike_keep_apart(motion: str) -> None:
    made = planned(f"a duck and a car {CAPTION_MOTIONS.get(motion, '')}")
    assert made.motions == (motion, motion)
    one, two = made.track(0, 9600)
    assert (one - two).norm(dim=1).min() > 0.25


def test_chunks_go_on_where_the_one_before_ended() -> None:
    made = planned("a car swinging from side to side")
    assert torch.equal(torch.cat([made.chunk(n) for n in range(5)], 1), made.track(0, 20))


def test_words_for_speed_change_it() -> None:
    slow, fast = (planned(f"a duck circling {word}").track(0, 4) for word in ("slowly", "fast"))
    assert (slow[0, 3] - slow[0, 0]).norm() < 0.5 * (fast[0, 3] - fast[0, 0]).norm()

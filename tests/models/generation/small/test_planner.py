import pytest
import torch

from models.generation.small.planner import MOTIONS, plan_motion

THINGS = ("duck", "car", "hot air balloon", "balloon")


@pytest.mark.parametrize(
    ("text", "motions"),
    [
        ("a duck moving left", ("left",)),
        ("a duck that drifts to the right and a car going up", ("right", "up")),
        ("show me a car, circling, on grass", ("circle",)),
        ("A hot air balloon rising next to a bouncing duck", ("up", "bounce")),
        ("a duck hopping up and down", ("bounce",)),
        ("a duck and a car on grass, moving in a circle", ("circle", "circle")),
        ("a rising duck and a car moving left", ("up", "left")),
        ("a duck on grass and a car moving left", ("free", "left")),
        ("a duck", ("free",)),
        ("a duck wandering around with a fish", ("free",)),
        ("slowly falling car", ("down",)),
        ("grass", ("free",)),
        ("", ("free",)),
    ],
)
def test_motion_words_are_read_for_the_thing_before_them(
    text: str, motions: tuple[str, ...]
) -> None:
    assert plan_motion(text, THINGS).motions == motions


def test_a_third_thing_has_no_path() -> None:
    assert len(plan_motion("a duck and a car and a balloon", THINGS).motions) == 2


@pytest.mark.parametrize("motion", [*MOTIONS, "free"])
def test_paths_stay_in_the_frame_for_ten_minutes_without_a_leap_except_the_way_back(
    motion: str,
) -> None:
    word = {"circle": "circling", "bounce": "bouncing", "wave": "swinging"}.get(motion, motion)
    made = plan_motion(f"a duck {word}", THINGS)
    assert made.motions == (motion,)
    track = made.track(0, 9600)
    assert track.min() > 0.08
    assert track.max() < 0.92
    steps = (track[:, 1:] - track[:, :-1]).norm(dim=2)
    assert steps.max() < 0.2
    assert (steps.max() > 0.005) == (motion != "still")


@pytest.mark.parametrize("motion", [*MOTIONS, "free"])
def test_two_things_that_move_alike_keep_apart(motion: str) -> None:
    word = {"circle": "circling", "bounce": "bouncing", "wave": "swinging"}.get(motion, motion)
    made = plan_motion(f"a duck and a car {word}", THINGS)
    assert made.motions == (motion, motion)
    one, two = made.track(0, 9600)
    assert (one - two).norm(dim=1).min() > 0.25


def test_chunks_go_on_where_the_one_before_ended() -> None:
    made = plan_motion("a car swinging from side to side", THINGS)
    assert torch.equal(torch.cat([made.chunk(n) for n in range(5)], 1), made.track(0, 20))


def test_words_for_speed_change_it() -> None:
    slow, fast = (
        plan_motion(f"a duck circling {word}", THINGS).track(0, 4) for word in ("slowly", "fast")
    )
    assert (slow[0, 3] - slow[0, 0]).norm() < 0.5 * (fast[0, 3] - fast[0, 0]).norm()

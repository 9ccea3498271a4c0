import pytest

from models.generation.backbone import in_torch
from models.generation.calls import run_alone
from models.generation.context import Reach
from tests.models.generation import tiny


@pytest.mark.parametrize(
    ("height", "reach", "chunk"),
    [
        (3, Reach(), 1),
        (4, Reach(sink=1, window=4), 2),
        (4, Reach(sink=2, window=3), 2),
        (4, Reach(), 0),
    ],
)
def test_sizes_that_do_not_fit_are_refused(height: int, reach: Reach, chunk: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        in_torch(tiny.dit(), height, 4, reach, chunk)


def test_a_prompt_that_says_the_same_is_not_read_again() -> None:
    backbone, words = tiny.backbone(), tiny.words()
    heard = run_alone(backbone.cache_prompt(words.prompt("a duck"), None))
    assert run_alone(backbone.cache_prompt(words.prompt("A duck!"), heard)) is heard
    assert run_alone(backbone.cache_prompt(words.prompt("a car"), heard)) is not heard


def test_a_context_without_room_stays_empty() -> None:
    backbone = tiny.backbone(sink=0, window=0)
    control = tiny.controls(1)[0]
    text = run_alone(backbone.cache_prompt(control.prompt, None)).text
    wanted = backbone.prepare_control(control)
    empty = backbone.empty_context()
    after = run_alone(backbone.commit(empty, wanted.start, wanted.condition, text))
    assert after.order == ()

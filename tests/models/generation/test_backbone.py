import pytest

from models.generation.backbone import Backbone
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
        Backbone(tiny.dit(), height, 4, reach, chunk)


def test_a_prompt_that_says_the_same_is_not_read_again() -> None:
    backbone, words = tiny.backbone(), tiny.words()
    heard = backbone.cache_prompt(words.prompt("a duck"), None)
    assert backbone.cache_prompt(words.prompt("A duck!"), heard) is heard
    assert backbone.cache_prompt(words.prompt("a car"), heard) is not heard


def test_a_context_without_room_stays_empty() -> None:
    backbone = tiny.backbone(sink=0, window=0)
    control = tiny.controls(1)[0]
    text = backbone.cache_prompt(control.prompt, None).text
    wanted = backbone.prepare_control(control)
    after = backbone.commit(backbone.empty_context(), wanted.start, wanted.condition, text)
    assert after.past() is None
    assert after.size == 0

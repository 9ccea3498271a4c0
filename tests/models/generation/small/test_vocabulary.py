from models.generation.small.prompts.vocabulary import Vocabulary, with_article, without_article
from models.training.video.clips import grounds, kinds
from tests.models.generation.small.worlds import BACKGROUNDS, KINDS, LARGER, SHIPPED, groups


def test_names_of_a_kind_are_grouped_as_the_training_has_them() -> None:
    """The shipped file lists names only; the tables say which of them are of one kind."""
    assert SHIPPED.things == tuple(kind.names for kind in kinds.KINDS.values())
    assert SHIPPED.backgrounds == tuple(ground.names for ground in grounds.BACKGROUNDS.values())
    assert LARGER.things == groups(KINDS)
    assert LARGER.backgrounds == groups(BACKGROUNDS)


def test_names_that_no_table_has_are_kinds_of_their_own() -> None:
    made = Vocabulary.from_names(["gizmo", "widget"], ["a void"])
    assert made.kinds == ("gizmo", "widget")
    assert made.grounds == ("a void",)


def test_articles_come_and_go() -> None:
    assert [with_article(name) for name in ("owl", "duck")] == ["an owl", "a duck"]
    assert [without_article(name) for name in ("the night sky", "a lawn", "an owl", "ants")] == [
        "night sky",
        "lawn",
        "owl",
        "ants",
    ]

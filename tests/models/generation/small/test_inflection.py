import pytest

from models.generation.small.prompts.inflection import singulars, verb_forms


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("ducks", "duck"),
        ("berries", "berry"),
        ("buses", "bus"),
        ("boxes", "box"),
        ("mice", "mouse"),
        ("geese", "goose"),
        ("leaves", "leaf"),
        ("women", "woman"),
        ("zebras", "zebra"),
    ],
)
def test_a_plural_is_of_its_singular(plural: str, one: str) -> None:
    assert one in singulars(plural)


@pytest.mark.parametrize("word", ["grass", "duck", "is", "s", ""])
def test_what_is_no_plural_has_no_singular(word: str) -> None:
    assert singulars(word) == ()


@pytest.mark.parametrize(
    ("verb", "forms"),
    [
        ("circle", {"circle", "circles", "circling", "circled"}),
        ("hop", {"hop", "hops", "hopping", "hopped"}),
        ("run", {"run", "runs", "running", "ran"}),
        ("fly", {"fly", "flies", "flying", "flew"}),
        ("float", {"float", "floats", "floating", "floated"}),
        ("sway", {"sway", "sways", "swaying", "swayed"}),
        ("climb", {"climb", "climbs", "climbing"}),
    ],
)
def test_a_verb_has_its_forms(verb: str, forms: set[str]) -> None:
    assert forms <= set(verb_forms(verb))

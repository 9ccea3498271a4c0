"""Bodies in the observations and answers of a session's assistant."""

from collections.abc import Sequence
from dataclasses import replace

from models.assistant.body.answers import answer
from models.assistant.body.questions import parse_body_question
from models.assistant.body.signs import LOGGED, OF_HANDS, Sign
from models.assistant.body.watch import BodyState, BodyWatch, Seen
from models.assistant.requests.standing_requests import TrackedRequests
from models.assistant.scene.perception import Observation, Pixels
from models.assistant.scene.scene_log import LoggedEntry
from models.assistant.talk.scene_view import SceneAnswer
from models.assistant.understanding.plain_words import plain, without_greeting
from models.errors import ModelError

FAILED = (
    "I cannot look at bodies and hands now: the networks for that are missing or fail. The log of "
    "the service says why."
)


def with_body(
    watch: BodyWatch,
    state: BodyState,
    observation: Observation,
    pixels: Pixels,
    requests: TrackedRequests,
) -> Observation:
    """Return `observation` with what bodies do in its frame `pixels`, which is added to `state`.

    Hands are looked for if one of `requests` is about them. A dark frame has no bodies. If a
    network fails, bodies are looked at no more, and the rest of the observation stays.
    """
    time = observation.scene.time
    if watch.problem:
        return observation
    if not observation.scene.names:
        watch.see_nothing(state, time)
        return observation
    hands = any(each.request.target.sign in OF_HANDS for each in requests.requests)
    try:
        seen = watch.look(state, pixels, time, observation.persons, hands=hands)
    except ModelError as error:
        watch.give_up(error)
        return observation
    done = frozenset().union(*seen.people)
    actions = tuple(str(sign) for sign in Sign if sign in done & LOGGED)
    return replace(observation, signs=seen.signs, scene=replace(observation.scene, actions=actions))


def glance_at_bodies(watch: BodyWatch, state: BodyState, pixels: Pixels, time: float) -> None:
    """Look at the poses in a frame between two observations."""
    if watch.problem:
        return
    try:
        watch.glance(state, pixels, time)
    except ModelError as error:
        watch.give_up(error)


def _recall(watch: BodyWatch, state: BodyState, until: float, *, hands: bool) -> Seen | None:
    """Return what was seen last up to `until`; without hands once a network has failed."""
    try:
        return watch.recall(state, until, hands=hands and not watch.problem)
    except ModelError as error:
        watch.give_up(error)
        return None


def answer_about_bodies(
    watch: BodyWatch,
    state: BodyState,
    text: str,
    time: float,
    entries: Sequence[LoggedEntry],
) -> SceneAnswer | None:
    """Return the answer to `text` at `time` if it asks about bodies; None if it does not.

    Nor is there one if no body was looked at since the memory was opened.
    """
    question = parse_body_question(without_greeting(plain(text)))
    if question is None:
        return None
    seen = _recall(watch, state, time, hands=question.needs_hands)
    if watch.problem and not question.past:
        return SceneAnswer(FAILED)
    if seen is None and not question.past:
        return None
    said, when = answer(question, seen, entries)
    rows = [
        row for row, entry in enumerate(entries) if when is not None and entry.scene.time <= when
    ]
    return SceneAnswer(said, tuple(rows[-1:]))

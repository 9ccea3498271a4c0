"""Bodies in the observations and answers of a session's assistant."""

from collections.abc import Sequence
from dataclasses import replace

from models.assistant.body.answers import answer
from models.assistant.body.questions import parse_body_question
from models.assistant.body.signs import LOGGED, OF_HANDS, Sign
from models.assistant.body.watch import BodyState, BodyWatch
from models.assistant.requests.standing_requests import TrackedRequests
from models.assistant.scene.perception import Observation, Pixels
from models.assistant.scene.scene_log import LoggedEntry
from models.assistant.talk.scene_view import SceneAnswer
from models.assistant.understanding.plain_words import plain, without_greeting


def with_body(
    watch: BodyWatch,
    state: BodyState,
    observation: Observation,
    pixels: Pixels,
    requests: TrackedRequests,
) -> Observation:
    """Return `observation` with what bodies do in its frame `pixels`, which is added to `state`.

    Hands are looked for if one of `requests` is about them. A dark frame has no bodies.
    """
    if not observation.scene.names:
        return observation
    hands = any(each.request.target.sign in OF_HANDS for each in requests.requests)
    time = observation.scene.time
    seen = watch.look(state, pixels, time, observation.persons, hands=hands)
    done = frozenset().union(*seen.people)
    actions = tuple(str(sign) for sign in Sign if sign in done & LOGGED)
    return replace(observation, signs=seen.signs, scene=replace(observation.scene, actions=actions))


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
    seen = watch.recall(state, time, hands=question.needs_hands)
    if seen is None and not question.past:
        return None
    said, when = answer(question, seen, entries)
    rows = [
        row for row, entry in enumerate(entries) if when is not None and entry.scene.time <= when
    ]
    return SceneAnswer(said, tuple(rows[-1:]))

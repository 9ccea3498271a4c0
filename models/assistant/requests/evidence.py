"""Evidence that a target is in view: log odds of each observation, summed over observations.

A single unusual observation has little effect, several that agree have much. The parameters are
fitted to pictures by `models.training.requests.tune`. Source of the sum: Page 1954 (cumulative
sums), with a cap on each side.
"""

import math
from dataclasses import dataclass, field

from models.assistant.body.signs import Sign
from models.assistant.requests.targets import Target
from models.assistant.scene.perception import Observation
from models.vision.class_names import NAMES

MIN_PROBABILITY = 1e-3  # probabilities are clipped to this distance from 0 and 1
SIGN_GAIN, SIGN_LOSS = 3.5, 2.0  # of a look that shows a sign, or does not: two looks decide
HALF = 0.5  # a probability from which a number is there rather than not
NOT_FOUND = 0.05  # the probability of a person for whom the detector has no box


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOddsModel:
    """Logistic model of one observation: the logit of its probability times `slope`, plus `offset`.

    The result is clipped to `max_gain` and `-max_loss`, and the sum over observations to `cap`.
    """

    slope: float
    offset: float
    max_gain: float
    max_loss: float
    cap: float

    def log_odds(self, probability: float) -> float:
        probability = min(max(probability, MIN_PROBABILITY), 1 - MIN_PROBABILITY)
        raw = self.slope * math.log(probability / (1 - probability)) + self.offset
        return min(max(raw, -self.max_loss), self.max_gain)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceConfig:
    """The parameters that `python -m models.training.requests.tune` prints.

    A target is in view when its sum reaches `threshold` (3 in log odds: 0.95), and out of view at
    `-threshold`; between them the state does not change. A thing of the wrong color counts
    `-wrong_color`.
    """

    thing: LogOddsModel = field(
        default_factory=lambda: LogOddsModel(
            slope=1.13, offset=3.34, max_gain=6.0, max_loss=6.0, cap=4.0
        )
    )
    person: LogOddsModel = field(
        default_factory=lambda: LogOddsModel(
            slope=1.85, offset=0.0, max_gain=2.0, max_loss=1.5, cap=4.0
        )
    )
    wrong_color: float = 1.04
    threshold: float = 3.0

    def model_for(self, target: Target) -> LogOddsModel:
        return self.person if target.people else self.thing


def log_odds(target: Target, observation: Observation, config: EvidenceConfig) -> float:
    """Return the log odds of `target` being in view, given `observation`."""
    if target.sign is not None:
        return SIGN_GAIN if shows_sign(observation, target.sign) else -SIGN_LOSS
    found = -math.inf
    if target.people:
        found = config.person.log_odds(person_probability(observation, target.people))
    if target.name_ids:
        thing = (
            config.thing.log_odds(thing_probability(observation, target.name_ids))
            if target.count == 1
            else _count_log_odds(observation, target, config)
        )
        found = max(found, thing)
        if target.colour and found > 0 and observation.scene.colour != target.colour:
            found = -config.wrong_color
    return found


def _count_log_odds(observation: Observation, target: Target, config: EvidenceConfig) -> float:
    """Return the log odds of a number; a look that may have missed some says nothing."""
    probability = count_probability(observation, target)
    careful = observation.counted is None or target.name_ids in observation.counted
    return config.person.log_odds(probability) if careful or probability >= HALF else 0.0


def shows_sign(observation: Observation, sign: Sign) -> bool:
    """Return whether somebody does or shows `sign`; raised arms are a raised hand, too."""
    signs = observation.signs or frozenset()
    return sign in signs or (sign is Sign.HAND_RAISED and Sign.ARMS_RAISED in signs)


def person_probability(observation: Observation, count: int) -> float:
    """Return the detector's score for at least `count` persons."""
    scores = observation.person_scores
    return scores[count - 1] if len(scores) >= count else NOT_FOUND


def count_probability(observation: Observation, target: Target) -> float:
    """Return the detector's score for at least as many things as `target` says."""
    names = {NAMES[column] for column in target.name_ids}
    scores = [each.score for each in observation.detections if each.name in names]
    return scores[target.count - 1] if len(scores) >= target.count else NOT_FOUND


def thing_probability(observation: Observation, name_ids: frozenset[int]) -> float:
    """Return the sum of the probabilities of `name_ids`."""
    return min(1.0, float(observation.probabilities[sorted(name_ids)].sum()))


def accumulated(total: float, added: float, cap: float) -> float:
    """Return the sum after one more observation."""
    return min(max(total + added, -cap), cap)


def in_view(before: bool | None, total: float, threshold: float) -> bool | None:
    """Return whether the target is in view, given the sum and the state `before`."""
    if total >= threshold:
        return True
    if total <= -threshold:
        return False
    return before

"""Which looks are worth remembering: when a scene begins, when it was last seen, and now and then.

A classifier wavers, so a change counts when it is clear, when it stays, or when it shows a thing
that was not there for a minute; and however much there is to see, only so much is remembered in
an hour. Pure: looks in, looks to remember out.
"""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from models.assistant.scene.perception import CLEAR, Observation
from models.assistant.scene.scene_entry import SceneEntry
from models.vision.class_names import NAMES

STAYS = 0.9  # seconds that an unclear change must stay: two looks, at two a second
BURST = 60.0  # looks that may be remembered without a pause
REFILL = 0.2  # further looks a second: at most 720 an hour, however much flickers
CROWD = 3  # people from which one more makes no new scene
GLIMPSE = 0.2  # share from which a thing is worth remembering though it did not stay
AGAIN = 60.0  # seconds after which it is worth it again
GONE = 0.05  # share up to which what was there before is not there any more


@dataclass(frozen=True, slots=True, eq=False)
class NoveltyState:
    """`known` is the look remembered last, `steady` the last one alike, `pending` a change.

    `shown` has for each of `NAMES` when it was last in a remembered look, in seconds.
    """

    known: Observation | None = None
    steady: Observation | None = None
    pending: Observation | None = None
    room: float = BURST
    shown: Tensor = field(default_factory=lambda: torch.full((len(NAMES),), -torch.inf))


def settle(
    state: NoveltyState, look: Observation, *, every: float
) -> tuple[NoveltyState, tuple[Observation, ...]]:
    """Return the looks to remember now that `look` was seen, in order of time.

    A scene that lasts is remembered every `every` seconds.
    """
    known, steady, time = state.known, state.steady, look.moment.time
    if known is None or steady is None:
        return NoveltyState(look, look, shown=_shown(state, look)), (look,)
    state = replace(state, room=min(BURST, state.room + REFILL * (time - _newest(state))))
    due = time - known.moment.time >= every
    if words(look.moment) == words(known.moment):
        state = replace(state, steady=look, pending=None)
        if not due:
            return state, ()
        return replace(state, known=look, shown=_shown(state, look)), (look,)
    begin = _begin(state, look)
    if begin is None and due:
        begin = look
    if begin is None or (state.room < 2 and not due):
        return replace(state, pending=_waiting(state, look)), ()
    ended = (steady,) if steady.moment.time > known.moment.time else ()
    found = (*ended, begin)
    room = max(0.0, state.room - len(found))
    return NoveltyState(begin, look, None, room, _shown(state, begin)), found


def rest(state: NoveltyState, newest: Observation) -> tuple[NoveltyState, tuple[Observation, ...]]:
    """Return what is to be remembered at the end of a stream whose newest look is `newest`."""
    assert state.known is not None
    looks = (state.steady, newest) if state.steady is not newest else (newest,)
    kept = tuple(k for k in looks if k is not None and k.moment.time > state.known.moment.time)
    return replace(state, known=newest, steady=newest, pending=None), kept


def words(moment: SceneEntry) -> tuple[str, tuple[str, ...], int]:
    """Return what makes two moments different: colour and place flicker too much to count."""
    main = moment.names[0][0] if moment.names else ""
    return main, moment.others, min(moment.people, CROWD)


def _waiting(state: NoveltyState, look: Observation) -> Observation:
    """Return the first look of the change that `look` belongs to."""
    pending = state.pending
    if pending is not None and words(pending.moment) == words(look.moment):
        return pending
    return look


def _begin(state: NoveltyState, look: Observation) -> Observation | None:
    """Return the look that began a new scene, if one did."""
    pending = state.pending
    if pending is not None and words(pending.moment) == words(look.moment):
        stayed = look.moment.time - pending.moment.time >= STAYS
        return pending if stayed else None
    assert state.known is not None
    long_ago = look.moment.time - state.shown > AGAIN
    glimpse = bool((long_ago & (look.shares >= GLIMPSE)).any())
    return look if glimpse or _clear(state.known.moment, look) else None


def _shown(state: NoveltyState, look: Observation) -> Tensor:
    return state.shown.where(look.shares < GLIMPSE / 2, look.moment.time)


def _clear(known: SceneEntry, look: Observation) -> bool:
    """Return whether `look` surely shows another thing than `known`."""
    names = look.moment.names
    before = known.names[0][0] if known.names else ""
    if not names or names[0][0] == before or names[0][0] not in NAMES:
        return False
    sure = float(look.shares[NAMES.index(names[0][0])]) >= CLEAR
    still = float(look.shares[NAMES.index(before)]) if before in NAMES else 0.0
    return sure and still <= GONE


def _newest(state: NoveltyState) -> float:
    """Return the time of the look before, in seconds."""
    looks = (state.known, state.steady, state.pending)
    return max(look.moment.time for look in looks if look is not None)

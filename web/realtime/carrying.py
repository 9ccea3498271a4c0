"""What of a session goes along when it moves to another process, and how it goes on there.

It is in parts, each under a name, so that only those that have changed are sent. The folder of its
memory goes along beside them.
"""

import json
import pickle
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any

from media.clock import LiveClock
from media.events.answers import Announce, Question
from media.events.hearing import Caption
from media.pipeline.carried import CarriedState
from web.access.auth import Caller
from web.context import ServiceContext
from web.protocol.items import ItemList
from web.protocol.protocol import RealtimeProtocol
from web.protocol.resumption import unfinished
from web.protocol.state import ConversationState
from web.realtime.call import Call, CallMedia
from web.realtime.lines.delivery import event_number, is_of_the_moment
from web.realtime.resumable_session import ResumableSession
from web.realtime.websocket_session import WebSocketSession
from web.sessions.attendance import Attendance, disconnected
from web.sessions.record import SessionKind, SessionRecord

HEAD, ASKED, SPEAKERS, LOOKS = "head", "asked", "speakers", "looks"
ITEM, CAPTION, ENTRY, MOMENT, EVENT = "item/", "caption/", "entry/", "moment/", "event/"
Parts = Mapping[str, bytes]


@dataclass(slots=True, eq=False)
class CarriedHead:
    """What may change with each event; `conversation` is without its items.

    `time` is on the session's clock. `order` and `english` are those of the items, `dropped` and
    `names` those of the captions. `media` is None for a WebSocket.
    """

    kind: SessionKind
    opener: Caller
    moves: int
    attendance: Attendance
    time: float
    conversation: ConversationState
    order: list[str]
    english: dict[str, str]
    turn: int
    requests: tuple[str, ...]
    dropped: int
    names: dict[int, str]
    media: CallMedia | None


async def carried_values(
    session: ResumableSession[Any], newest: int | None = None
) -> dict[str, object]:
    """Return the parts of `session` as they are now, each as a value for `encoded`.

    A part has changed if its value is another object; bytes, if they differ. With `newest`, only so
    many captions, moments and events are looked at, and the voices are left out.
    """
    bridge = session.bridge
    async with bridge.lock:  # not in the middle of a step of the protocol
        state, record = bridge.protocol.state, bridge.record
        values: dict[str, object] = {HEAD: pickle.dumps(_head(session, state, record))}
        if newest is None:
            speakers = session.carried.speakers
            unlisted = replace(speakers, turns=type(speakers.turns)(maxlen=0))
            values[SPEAKERS] = pickle.dumps(unlisted)
        values[LOOKS] = state.looks
        values.update((f"{ITEM}{id}", item) for id, item in state.items.by_id.items())
        values.update(_logged(record, newest))
        values.update(_events(session, newest))
        if state.response is not None and state.response.asked is not None:
            values[ASKED] = state.response.asked
        return values


def encoded(name: str, value: object) -> bytes:
    """Return the value of a part as it is sent."""
    if isinstance(value, bytes):
        return value
    if name.startswith(EVENT):
        return (value if isinstance(value, str) else json.dumps(value)).encode()
    return pickle.dumps(value)


def _head(
    session: ResumableSession[Any], state: ConversationState, record: SessionRecord
) -> CarriedHead:
    return CarriedHead(
        kind=record.kind,
        opener=record.opener,
        moves=record.moves,
        attendance=record.attendance,
        time=session.clock.now(),
        conversation=_without_parts(state),
        order=state.items.order,
        english=state.items.english,
        turn=session.carried.turn,
        requests=session.carried.requests,
        dropped=record.captions.dropped,
        names=dict(record.captions.names),
        media=session.media if isinstance(session, Call) else None,
    )


def _without_parts(state: ConversationState) -> ConversationState:
    """Return `state` without what is in other parts, or belongs to this process."""
    kept = copy(state)
    kept.items, kept.inputs, kept.events, kept.looks = ItemList(), [], [], ()
    kept.capabilities = None  # type: ignore[assignment]  # those of the process that goes on
    kept.speech_input = replace(state.speech_input, decoder=None)
    if state.response is not None:
        context = state.response.context
        kept.response = replace(
            state.response,
            asked=None,
            resampler=None,
            context=None if context is state.items else context,
        )
    return kept


def _logged(record: SessionRecord, newest: int | None) -> Iterator[tuple[str, object]]:
    """Yield the captions and moments that are kept, the newest first."""
    captions = record.captions
    for number, caption in islice(
        zip(count(captions.count - 1, -1), reversed(captions.kept)), newest
    ):
        yield f"{CAPTION}{number}", caption
    for number in islice(reversed(record.moments), newest):
        yield f"{MOMENT}{number}", record.moments[number]


def _events(session: ResumableSession[Any], newest: int | None) -> Iterator[tuple[str, object]]:
    """Yield the events that the client may still ask for: as texts, or as they will be sent."""
    for number, text in islice(reversed(session.delivery.texts), newest):
        yield f"{EVENT}{number}", text
    bridge, arriving = session.bridge, session.delivery.arriving
    waiting = (*bridge.outgoing.waiting, *bridge.unsent)
    for event in waiting if arriving is None else (arriving, *waiting):
        if not is_of_the_moment(event):
            yield f"{EVENT}{event_number(str(event['event_id']))}", event


async def go_on(context: ServiceContext, id: str, parts: Parts, away: float) -> SessionRecord:
    """Run session `id` here, with what another process has left `away` seconds ago.

    It waits for its client, as a session does whose connection broke.
    """
    head: CarriedHead = pickle.loads(parts[HEAD])
    record = _record(context, id, head, parts)
    clock = LiveClock(head.time + away)
    session = _session(context, record, head, parts, clock)
    texts = {int(n): data.decode() for n, data in _named(EVENT, parts)}
    session.delivery.restore(sorted(texts.items()))
    session.begin(None)
    await context.adopt_session(record)
    context.tasks.create_task(session.run(), name=f"session {id}")
    await session.begun()
    return record


def new_record(id: str, parts: Parts) -> SessionRecord:
    """Return the record of a session in the process that goes on with it, without its past."""
    head: CarriedHead = pickle.loads(parts[HEAD])
    return SessionRecord(id, head.kind, 0.0, head.opener, moves=head.moves + 1)


def _record(context: ServiceContext, id: str, head: CarriedHead, parts: Parts) -> SessionRecord:
    now = context.clock.now()
    record = replace(new_record(id, parts), started=now)
    captions: dict[int, Caption] = {int(n): pickle.loads(d) for n, d in _named(CAPTION, parts)}
    record.captions.restore((captions[n] for n in sorted(captions)), head.dropped)
    record.captions.names = head.names
    entries = {int(n): pickle.loads(data) for n, data in _named(ENTRY, parts)}
    record.history.restore((entries[n] for n in sorted(entries)), min(entries, default=0))
    moments = {int(n): pickle.loads(data) for n, data in _named(MOMENT, parts)}
    record.moments = dict(sorted(moments.items()))
    # Its times are on the clock of a process that is gone.
    record.attendance = disconnected(replace(head.attendance, away_since=None), now)
    return record


def _carried(head: CarriedHead, record: SessionRecord, parts: Parts) -> CarriedState:
    carried = CarriedState(head.turn, head.requests)
    if SPEAKERS in parts:
        carried.speakers = pickle.loads(parts[SPEAKERS])
        longest = CarriedState().speakers.turns.maxlen
        carried.speakers.turns = type(carried.speakers.turns)(record.captions.kept, longest)
    return carried


def _session(
    context: ServiceContext,
    record: SessionRecord,
    head: CarriedHead,
    parts: Parts,
    clock: LiveClock,
) -> ResumableSession[Any]:
    state, carried = head.conversation, _carried(head, record, parts)
    items = {name: pickle.loads(data) for name, data in _named(ITEM, parts)}
    for item in (items[name] for name in head.order):
        state.items.insert(item, None)
    state.items.english = head.english
    state.looks = pickle.loads(parts[LOOKS]) if LOOKS in parts else ()
    if state.response is not None and ASKED in parts:
        asked: Question | Announce = pickle.loads(parts[ASKED])
        if asked.id == state.response.question_id:  # or it waits for a transcript
            state.response.asked = asked
    media, capabilities = head.media, context.capabilities
    capabilities = capabilities if media is None else media.limited(capabilities)
    protocol = RealtimeProtocol.resumed(state, capabilities)
    session: ResumableSession[Any] = (
        WebSocketSession(context, record, protocol, clock, carried)
        if media is None
        else Call(context, record, protocol, clock, media, carried)
    )
    session.unfinished = tuple(unfinished(state))
    return session


def _named(prefix: str, parts: Parts) -> Iterator[tuple[str, bytes]]:
    """Yield the parts under `prefix`, by the rest of their names."""
    return (
        (name.removeprefix(prefix), data) for name, data in parts.items() if name.startswith(prefix)
    )

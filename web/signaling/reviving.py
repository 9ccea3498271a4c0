"""A call whose service was killed goes on under its own id, from its recording.

Captions, conversation, standing requests and memory are there again. What was in progress is lost,
and the settings are those of a new session: clients send theirs again when they are back.
"""

import logging
from contextlib import ExitStack
from functools import partial

from media.clock import LiveClock
from media.pipeline.carried import CarriedState
from web.access.auth import Caller
from web.context import ServiceContext, unix_time
from web.history.cut_off import CutOff, copy_memory, find_cut_off
from web.problems import ProblemError
from web.protocol.items import Item
from web.protocol.protocol import RealtimeProtocol
from web.protocol.state import ConversationState
from web.realtime.call import Call, CallMedia
from web.sessions.attendance import Attendance, disconnected
from web.sessions.record import SessionRecord

logger = logging.getLogger(__name__)

REVIVED = "the service was started again: the session goes on from its recording"
MEDIA = CallMedia(publisher=False, hears=True, returns_video=True, resumable=True)


async def revive(context: ServiceContext, caller: Caller, id: str, last_event: int) -> None:
    """Run session `id` again, if it is a call of `caller` that was recorded and cut off.

    `last_event` is the number of the last event that the client has. The session waits for it.

    Raises:
        ProblemError: the recording is in use, by another such request perhaps: 503, after which
            clients try again, while 409 says that a session is over.
    """
    folder, store = context.settings.recordings, context.recordings
    if folder is None or context.cluster is not None:
        return  # in a cluster other machines have what it needs
    if not context.settings.resume_timeout:
        return  # no session waits for its client
    since = unix_time() - context.settings.revive_timeout
    with ExitStack() as uses:
        try:
            uses.enter_context(store.using(id, "is being gone on with"))
        except ProblemError as error:
            raise ProblemError(
                503, error.detail, code="recording_in_use", headers={"Retry-After": "2"}
            ) from error
        past = await store.run(partial(find_cut_off, since=since), folder, id)
        if past is None or not caller.reaches(past.owner):
            return
        await store.run(copy_memory, folder, id, past.parts)
        await _run(context, caller, id, past, last_event)
    logger.info("session %s goes on from its recording", id)


async def _run(
    context: ServiceContext, caller: Caller, id: str, past: CutOff, last_event: int
) -> None:
    now = context.clock.now()
    record = SessionRecord(id, "call", now, caller, moves=past.parts)
    record.captions.restore(past.captions, 0)
    record.attendance = disconnected(Attendance(), now)
    turn = max((each.turn for each in past.captions), default=0)
    carried = CarriedState(turn, past.requests)
    carried.speakers.turns.extend(past.captions)
    protocol = _protocol(context, id, past, last_event)
    call = Call(context, record, protocol, LiveClock(past.end), MEDIA, carried)
    call.begin(None)
    await context.adopt_session(record)
    context.tasks.create_task(call.run(), name=f"call {id}")
    await call.begun()


def _protocol(context: ServiceContext, id: str, past: CutOff, last_event: int) -> RealtimeProtocol:
    capabilities = MEDIA.limited(context.capabilities)
    state = RealtimeProtocol(id, capabilities, eyeline_events=True, on_track=True).state
    state.events.clear()  # of a session that begins
    state.inputs.clear()
    state.last_id = max(state.last_id, last_event)
    state.now = past.end
    for role, text in past.exchanges:
        state.items.insert(_item(state, role, text), None)
    return RealtimeProtocol.resumed(state, capabilities, why=REVIVED)


def _item(state: ConversationState, role: str, text: str) -> Item:
    content = {"type": "input_text" if role == "user" else "output_text", "text": text}
    head = {"id": state.new_id("item"), "object": "realtime.item", "type": "message"}
    return {**head, "status": "completed", "role": role, "content": [content]}

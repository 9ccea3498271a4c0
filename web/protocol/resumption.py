"""How a conversation goes on that another process has begun.

What was in progress there is brought to an end that loses no text: turns end with the words that
were recognized, and what was asked is asked again. An answer of which the client has a part ends as
incomplete, and is given once more from its beginning.
"""

from collections.abc import Iterator
from dataclasses import replace

from media.events.answers import Answer
from media.events.generation import LooksChange, PromptChange
from media.events.hearing import Caption, Translation, TurnEnded
from media.events.session import Output
from web.protocol import session_update
from web.protocol.response.events import clear_speech, send_response_event
from web.protocol.response.responses import finish, new_response
from web.protocol.session_config import RealtimeConfig
from web.protocol.state import ConversationState, SpeechTurn

MOVED = "the session has moved to another machine"
PASSED_OVER = 1000  # ids that the client may have from events that are not kept


def resume(state: ConversationState, why: str) -> None:
    """Go on with the conversation: the session that runs now knows nothing of it yet."""
    state.last_id += PASSED_OVER
    state.speech_input.decoder = None
    state.speech_input.unprocessed.clear()
    state.inputs.append(session_update.listening(state))
    if state.looks:
        state.inputs.append(LooksChange(state.looks, state.media_time))
    if state.prompt:
        state.inputs.append(PromptChange(state.prompt, state.media_time))
    if state.generation is not None:
        state.inputs.append(replace(state.generation, time=state.media_time))
    state.path_times.clear()
    state.send_notice(why)
    clear_speech(state)
    _ask_again(state)


def cut_off(state: ConversationState) -> Iterator[Output]:
    """Yield the outputs that end what is in progress in a session that is cut off."""
    yield from unfinished(state, detected=False)
    if state.response is not None:
        yield Answer(state.response.question_id, "", state.media_time, "cancelled")


def unfinished(
    state: ConversationState, *, detected: bool = True
) -> Iterator[TurnEnded | Caption | Translation]:
    """Yield the outputs that end what was said when the other process ended.

    A turn whose end is not `detected` is not answered.
    """
    for number, turn in list(state.speech_input.turns.items()):
        last = turn.latest or _nothing(number, turn, state.media_time)
        if not turn.ended:
            yield TurnEnded(number, turn.start, last.heard, detected=detected)
        yield replace(last, stable=len(last.words), final=True, translated=False)
    for number in list(state.untranslated):
        yield Translation(number, "", "", "", final=True)


def _nothing(number: int, turn: SpeechTurn, now: float) -> Caption:
    """Return the caption of a turn of which no word was recognized."""
    return Caption(
        turn=number, words=(), stable=0, start=turn.start, end=now, heard=now, final=False
    )


def _ask_again(state: ConversationState) -> None:
    """Ask again what a session was asked that is gone.

    If the client has a part of the answer, that ends, and another response has all of it.
    """
    response = state.response
    if response is None or response.asked is None:
        return
    asked, config = response.asked, state.config
    if response.started:
        assert isinstance(config, RealtimeConfig)
        finish(state, response, "incomplete", "moved")
        again = new_response(state, config, spoken=response.spoken)
        again.dialogue, again.context = response.dialogue, response.context
        again.in_conversation, again.metadata = response.in_conversation, response.metadata
        again.overheard = response.overheard
        send_response_event(state, "response.created", again, "in_progress")
        response = again
    response.asked = replace(asked, id=response.question_id)
    state.inputs.append(response.asked)

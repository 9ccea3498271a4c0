"""The answering half of the protocol: one response at a time, as text or as speech.

The order of a response's events:
response.created, response.output_item.added, conversation.item.added,
response.content_part.added, deltas, *.done, response.content_part.done,
response.output_item.done, conversation.item.done, response.done.
"""

import base64

import numpy as np
from numpy.typing import NDArray

from media.audio.pcm import encode_pcm
from media.audio.resampling import Resampler
from media.events import Announce, Answer, Cancel, Question, Speech
from web.protocol.items import (
    Item,
    find,
    given,
    insert,
    last_user_message,
    question_pictures,
    question_text,
    replace,
)
from web.protocol.messages import (
    ProtocolError,
    ResponseCancel,
    ResponseCreate,
    ResponseWish,
    parse_item,
)
from web.protocol.response_shapes import (
    Status,
    content_of,
    item_of,
    part_of,
    say_part,
    say_whole,
)
from web.protocol.session_config import RealtimeConfig, TranscriptionConfig, wants_speech
from web.protocol.state import FORMATS, Dialogue, Response, name, present, say

PICTURE_QUESTION = "What is in the picture?"  # asked where a picture comes without a word


def create(dialogue: Dialogue, event: ResponseCreate) -> None:
    """Begin a response to the newest message of the user, or to what the event gives as input.

    Where that message is speech whose words are not known yet, the answer waits for them.

    Raises:
        ProtocolError: a response is in progress, or the session gives none.
    """
    if isinstance(dialogue.terms, TranscriptionConfig):
        raise ProtocolError("a transcription session gives no responses", param="type")
    if dialogue.response is not None:
        raise ProtocolError(
            f"response {dialogue.response.id!r} is in progress: cancel it or wait until it is done",
            code="conversation_already_has_active_response",
        )
    wish = event.response or ResponseWish()
    asked = _asked(dialogue, wish)
    words = (
        (wish.instructions or dialogue.terms.instructions)
        if asked is None
        else question_text(asked)
    )
    aloud = wants_speech(dialogue.terms)
    if wish.output_modalities is not None:
        aloud = wish.output_modalities == ["audio"] and bool(dialogue.local.voices)
    response = _open(dialogue, dialogue.terms, aloud=aloud)
    response.kept = wish.conversation != "none"
    response.metadata = wish.metadata
    say_whole(dialogue, "response.created", response, "in_progress")
    if words is None and asked is not None:
        response.awaits = asked["id"]
    else:
        _ask(dialogue, response, words or "", present(dialogue), asked)


def transcribed(dialogue: Dialogue, item_id: str, words: str, time: float) -> None:
    """Ask what a turn of speech asked: if a response waits for it, or the terms say so."""
    response = dialogue.response
    if response is not None and response.awaits == item_id:
        response.awaits = None
        _ask(dialogue, response, words, time, dialogue.items.by_id.get(item_id))
        return
    detection = dialogue.terms.audio.input.turn_detection
    wanted = detection is not None and detection.create_response
    if wanted and words and response is None and isinstance(dialogue.terms, RealtimeConfig):
        response = _open(dialogue, dialogue.terms, aloud=wants_speech(dialogue.terms))
        say_whole(dialogue, "response.created", response, "in_progress")
        _ask(dialogue, response, words, time, dialogue.items.by_id.get(item_id))


def speak_up(dialogue: Dialogue) -> None:
    """Say what somebody asked to be told, unless a response or somebody's turn is in progress."""
    terms = dialogue.terms
    if not dialogue.notices or not isinstance(terms, RealtimeConfig):
        return
    turn = terms.audio.input.turn_detection is not None and dialogue.hearing.turns
    if dialogue.response is not None or turn:
        return
    notice = dialogue.notices.popleft()
    response = _open(dialogue, terms, aloud=wants_speech(terms))
    response.metadata = {"eyeline.request": notice.request[:512]}
    say_whole(dialogue, "response.created", response, "in_progress")
    time, moments = notice.moment.time, (notice.moment,)
    dialogue.inputs.append(Announce(response.question, notice.text, time, response.spoken, moments))


def interrupted(dialogue: Dialogue) -> None:
    """Stop answering because somebody speaks, where the terms want that."""
    detection = dialogue.terms.audio.input.turn_detection
    if detection is None or not detection.interrupt_response:
        return
    if dialogue.response is not None:
        _cancel(dialogue, dialogue.response, "turn_detected")
    hush(dialogue)


def cancel(dialogue: Dialogue, event: ResponseCancel) -> None:
    """Stop the response in progress.

    Raises:
        ProtocolError: there is none, or it is another.
    """
    response = dialogue.response
    if response is None or event.response_id not in (None, response.id):
        raise ProtocolError(
            "there is no active response to cancel", code="response_cancel_not_active"
        )
    _cancel(dialogue, response, "client_cancelled")


def hush(dialogue: Dialogue) -> None:
    """Say that speech on the track stops here; the track stops where this event passes."""
    if dialogue.playing is not None:
        say(dialogue, "output_audio_buffer.cleared", response_id=dialogue.playing)
        dialogue.playing = None


def played(dialogue: Dialogue) -> None:
    """Say that the speech on the track was heard to its end."""
    if dialogue.playing is not None:
        say(dialogue, "output_audio_buffer.stopped", response_id=dialogue.playing)
        dialogue.playing = None


def answered(dialogue: Dialogue, answer: Answer) -> None:
    """Say a piece of the answer in words; one that was cancelled before is passed over."""
    response = dialogue.response
    if response is None or response.question != answer.id:
        return
    _begin(dialogue, response)
    if answer.text:
        kind = "output_audio_transcript" if response.spoken else "output_text"
        response.text += answer.text
        say_part(dialogue, f"response.{kind}.delta", response, delta=answer.text)
    if answer.status == "cancelled":
        _finish(dialogue, response, "cancelled", "turn_detected")
    elif answer.status == "completed" and not response.spoken:
        _finish(dialogue, response, "completed")


def voiced(dialogue: Dialogue, speech: Speech) -> None:
    """Say a piece of the answer as sound: on the wire, or that it is heard on the track."""
    response = dialogue.response
    if response is None or response.question != speech.id:
        return
    _begin(dialogue, response)
    if speech.chunk is not None:
        response.samples += len(speech.chunk.samples)
        response.rate = speech.chunk.rate
        dialogue.spoken[response.item_id] = response.samples * 1000 // response.rate
        if dialogue.on_track:
            if dialogue.playing != response.id:
                dialogue.playing = response.id
                say(dialogue, "output_audio_buffer.started", response_id=response.id)
        else:
            _sound(dialogue, response, speech.chunk.samples, last=False)
    if speech.status == "completed":
        _sound(dialogue, response, np.zeros(0, np.float32), last=True)
        _finish(dialogue, response, "completed")
    elif speech.status == "cancelled":
        _finish(dialogue, response, "cancelled", "turn_detected")


def failed(dialogue: Dialogue, message: str) -> None:
    """End the response in progress, if there is one, as failed."""
    if dialogue.response is not None:
        _finish(dialogue, dialogue.response, "failed", message)


def _asked(dialogue: Dialogue, wish: ResponseWish) -> Item | None:
    """Return the user's message to answer, or None where there is none."""
    if wish.input is None:
        return last_user_message(dialogue.items)
    asked = None
    for index, raw in enumerate(wish.input):
        param = f"response.input[{index}]"
        if raw.get("type") == "item_reference":
            item = find(dialogue.items, str(raw.get("id")), f"{param}.id")
        else:
            item = given(parse_item(raw, param), name(dialogue, "item"))
        asked = item if item.get("role") == "user" else asked
    return asked


def _open(dialogue: Dialogue, terms: RealtimeConfig, *, aloud: bool) -> Response:
    response = Response(
        name(dialogue, "resp"),
        name(dialogue, "ask"),
        name(dialogue, "item"),
        spoken=aloud,
        format=terms.audio.output.format.type,
    )
    dialogue.response = response
    return response


def _ask(
    dialogue: Dialogue,
    response: Response,
    words: str,
    time: float,
    asked: Item | None,
) -> None:
    shown = question_pictures(dialogue.items, asked, live=dialogue.seen > 0)
    if shown and not words.strip():
        words = PICTURE_QUESTION
    dialogue.inputs.append(Question(response.question, words, time, response.spoken, shown))


def _cancel(dialogue: Dialogue, response: Response, reason: str) -> None:
    """End the response at once; what the session still says of it is passed over."""
    if response.awaits is None:
        dialogue.inputs.append(Cancel(response.question))
    _finish(dialogue, response, "cancelled", reason)


def _begin(dialogue: Dialogue, response: Response) -> None:
    """Announce the item that the answer goes into."""
    if response.begun:
        return
    response.begun = True
    item = item_of(response, "in_progress", content=[])
    say(
        dialogue,
        "response.output_item.added",
        response_id=response.id,
        output_index=0,
        item=item,
    )
    if response.kept:
        previous = insert(dialogue.items, item, None)
        say(dialogue, "conversation.item.added", item=item, previous_item_id=previous)
    say_part(dialogue, "response.content_part.added", response, part=part_of(response, begun=True))


def _finish(
    dialogue: Dialogue, response: Response, status: Status, reason: str | None = None
) -> None:
    """End the response; what it said so far stays in the conversation."""
    dialogue.response = None
    if response.begun:
        _close_item(dialogue, response, "completed" if status == "completed" else "incomplete")
    say_whole(dialogue, "response.done", response, status, reason)
    if status != "completed" and dialogue.playing == response.id:
        hush(dialogue)


def _close_item(dialogue: Dialogue, response: Response, status: str) -> None:
    if response.spoken:
        say_part(dialogue, "response.output_audio.done", response)
        say_part(
            dialogue,
            "response.output_audio_transcript.done",
            response,
            transcript=response.text,
        )
    else:
        say_part(dialogue, "response.output_text.done", response, text=response.text)
    say_part(dialogue, "response.content_part.done", response, part=part_of(response))
    item = item_of(response, status, content=[content_of(response)])
    say(dialogue, "response.output_item.done", response_id=response.id, output_index=0, item=item)
    if response.kept and item["id"] in dialogue.items.by_id:
        place = dialogue.items.order.index(item["id"])
        previous = dialogue.items.order[place - 1] if place else None
        replace(dialogue.items, item)
        say(dialogue, "conversation.item.done", item=item, previous_item_id=previous)


def _sound(
    dialogue: Dialogue, response: Response, samples: NDArray[np.float32], *, last: bool
) -> None:
    """Say sound in the session's output format; `last` adds what the resampler held back."""
    if dialogue.on_track:
        return
    encoding, rate = FORMATS[response.format]
    resampler = Resampler(response.rate, rate)
    if response.encoder is None:
        response.encoder = resampler.init_state()
    response.encoder, pieces = resampler.step(response.encoder, samples)
    pieces = [*pieces, *resampler.flush(response.encoder)] if last else pieces
    for piece in pieces:
        for start in range(0, len(piece), rate // 2):  # half a second: a message stays small
            coded = encode_pcm(piece[start : start + rate // 2], encoding)
            delta = base64.b64encode(coded).decode()
            say_part(dialogue, "response.output_audio.delta", response, delta=delta)

"""The listening half of the protocol: sound in, turns and transcripts out.

A turn has one item id from `speech_started` to its transcript. Where a client commits its sound
itself, the item is announced at once, and the turn that the session finds there gets its id.
"""

import base64
import binascii
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media.audio.pcm import PcmDecoder
from media.events import Caption, Clear, Commit, TurnEnded, TurnStarted
from media.frames import AudioChunk
from web.protocol.items import heard, insert, remove, replace, surplus
from web.protocol.messages import AudioAppend, ProtocolError
from web.protocol.state import FORMATS, SOUND_HZ, Dialogue, Segment, Turn, name, say

LEAST = SOUND_HZ // 10  # samples that a commit needs, as the real API does: 100 ms
NO_SPEECH = "[no speech]"  # transcript of a turn that the detector found and held no words
PIECE = SOUND_HZ // 2  # samples of one chunk at most
DECODERS = {
    type: PcmDecoder(encoding, rate, SOUND_HZ) for type, (encoding, rate) in FORMATS.items()
}


def append(dialogue: Dialogue, event: AudioAppend) -> None:
    """Decode sound in the session's format and hear it.

    Raises:
        ProtocolError: it is not base64.
    """
    try:
        coded = base64.b64decode(event.audio, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError(
            "audio: expected base64 of sound in the session's input format "
            f"({dialogue.terms.audio.input.format.type})",
            code="invalid_audio",
            param="audio",
        ) from error
    decoder = DECODERS[dialogue.terms.audio.input.format.type]
    hearing = dialogue.hearing
    if hearing.decoder is None:
        hearing.decoder = decoder.init_state()
    hearing.decoder, pieces = decoder.step(hearing.decoder, coded)
    for piece in pieces:
        _hear_samples(dialogue, piece)


def end_format(dialogue: Dialogue) -> None:
    """Hear what the decoder still holds: the sound up to here is complete."""
    hearing = dialogue.hearing
    if hearing.decoder is None:
        return
    decoder = DECODERS[dialogue.terms.audio.input.format.type]
    for piece in decoder.flush(hearing.decoder):
        _hear_samples(dialogue, piece)
    hearing.decoder = None


def hear(dialogue: Dialogue, chunk: AudioChunk) -> None:
    """Hear the next sound: mono at 16 kHz, `chunk.start` on the session's timeline."""
    hearing = dialogue.hearing
    if _decides_itself(dialogue) and _open_segment(dialogue) is None:
        hearing.segments.append(Segment(name(dialogue, "item")))
    hearing.position = chunk.end
    hearing.fresh += len(chunk.samples)
    dialogue.inputs.append(chunk)


def commit(dialogue: Dialogue) -> None:
    """End the turn here.

    Raises:
        ProtocolError: there are less than 100 ms of sound to commit.
    """
    end_format(dialogue)
    hearing = dialogue.hearing
    if hearing.fresh < LEAST:
        raise ProtocolError(
            "the buffer is too small to commit: expected at least 100 ms of sound, got "
            f"{1000 * hearing.fresh / SOUND_HZ:.0f} ms",
            code="input_audio_buffer_commit_empty",
        )
    hearing.fresh = 0
    dialogue.inputs.append(Commit())
    segment = _open_segment(dialogue)
    if segment is None:
        return  # the detector's turn: its end announces it
    segment.end = hearing.position
    _announce(dialogue, segment.item_id)
    for turn in hearing.turns.values():
        turn.announced = turn.announced or turn.item_id == segment.item_id


def clear(dialogue: Dialogue) -> None:
    """Forget the sound that is not committed."""
    end_format(dialogue)
    hearing = dialogue.hearing
    hearing.fresh = 0
    segment = _open_segment(dialogue)
    if segment is not None:
        segment.end, segment.forgotten = hearing.position, True
    _forget_unfinished(dialogue)
    dialogue.inputs.append(Clear())
    say(dialogue, "input_audio_buffer.cleared")


def turn_started(dialogue: Dialogue, output: TurnStarted) -> bool:
    """Give the turn its item id; return whether a detector says that somebody speaks."""
    hearing = dialogue.hearing
    _forget_unfinished(dialogue)
    segment = _segment_at(dialogue, round(output.time * SOUND_HZ))
    if segment is not None:
        if not segment.forgotten:
            announced = segment.end is not None
            turn = Turn(segment.item_id, output.time, announced=announced)
            hearing.turns[output.turn] = turn
        return False
    turn = Turn(name(dialogue, "item"), output.time)
    hearing.turns[output.turn] = turn
    if _decides_itself(dialogue):
        return False
    say(
        dialogue,
        "input_audio_buffer.speech_started",
        audio_start_ms=_ms(output.time),
        item_id=turn.item_id,
    )
    return True


def turn_ended(dialogue: Dialogue, output: TurnEnded) -> None:
    """Say that the turn is over and in the conversation, where that was not said before."""
    hearing = dialogue.hearing
    turn = hearing.turns.get(output.turn)
    if turn is None:
        return
    turn.start, turn.end = output.start, output.end
    turn.detected = output.detected
    if output.detected:
        hearing.fresh = min(hearing.fresh, hearing.position - round(output.end * SOUND_HZ))
        say(
            dialogue,
            "input_audio_buffer.speech_stopped",
            audio_end_ms=_ms(output.end),
            item_id=turn.item_id,
        )
    if not turn.announced:
        turn.announced = True
        _announce(dialogue, turn.item_id)


def captioned(dialogue: Dialogue, caption: Caption) -> tuple[str, str] | None:
    """Say what is newly certain; return the item id and transcript of a turn that is complete."""
    turn = dialogue.hearing.turns.get(caption.turn)
    if turn is None:
        return None
    wanted = dialogue.terms.audio.input.transcription is not None
    text = caption.text
    if not caption.final:
        text = "".join(word.text for word in caption.words[: caption.stable]).lstrip()
    if wanted and text.startswith(turn.sent) and text != turn.sent:
        say(
            dialogue,
            "conversation.item.input_audio_transcription.delta",
            item_id=turn.item_id,
            content_index=0,
            delta=text[len(turn.sent) :],
        )
        turn.sent = text
    if not caption.final:
        return None
    if not text and turn.detected:
        text = NO_SPEECH
    del dialogue.hearing.turns[caption.turn]
    replace(dialogue.items, heard(turn.item_id, text))
    if wanted:
        say(
            dialogue,
            "conversation.item.input_audio_transcription.completed",
            item_id=turn.item_id,
            content_index=0,
            transcript=text,
            usage={"type": "duration", "seconds": round(caption.end - turn.start, 3)},
        )
    return turn.item_id, text


def caption_fields(caption: Caption) -> dict[str, Any]:
    """Return a caption as JSON; times are in seconds of the session."""
    words = [{"text": w.text, "start": w.start, "end": w.end} for w in caption.words]
    return {
        "turn": caption.turn,
        "text": caption.text,
        "words": words,
        "stable": caption.stable,
        "start": caption.start,
        "end": caption.end,
        "heard": caption.heard,
        "final": caption.final,
    }


def failed(dialogue: Dialogue, message: str) -> None:
    """Say that the transcripts which are still to come never will."""
    for turn in dialogue.hearing.turns.values():
        if turn.announced:
            say(
                dialogue,
                "conversation.item.input_audio_transcription.failed",
                item_id=turn.item_id,
                content_index=0,
                error={"type": "server_error", "code": "transcription_failed", "message": message},
            )
    dialogue.hearing.turns.clear()


def trim(dialogue: Dialogue) -> None:
    """Forget the oldest items where there are too many, and say so."""
    for id in surplus(dialogue.items):
        remove(dialogue.items, id)
        dialogue.spoken.pop(id, None)
        say(dialogue, "conversation.item.deleted", item_id=id)


def _hear_samples(dialogue: Dialogue, samples: NDArray[np.float32]) -> None:
    for start in range(0, len(samples), PIECE):
        position = dialogue.hearing.position
        hear(dialogue, AudioChunk(samples[start : start + PIECE], position, SOUND_HZ))


def _announce(dialogue: Dialogue, item_id: str) -> None:
    item = heard(item_id)
    previous = insert(dialogue.items, item, None)
    say(
        dialogue,
        "input_audio_buffer.committed",
        item_id=item_id,
        previous_item_id=previous,
    )
    say(dialogue, "conversation.item.added", item=item, previous_item_id=previous)
    say(dialogue, "conversation.item.done", item=item, previous_item_id=previous)
    trim(dialogue)


def _decides_itself(dialogue: Dialogue) -> bool:
    """Tell whether the client says when a turn ends."""
    return dialogue.terms.audio.input.turn_detection is None


def _open_segment(dialogue: Dialogue) -> Segment | None:
    segments = dialogue.hearing.segments
    return segments[-1] if segments and segments[-1].end is None else None


def _segment_at(dialogue: Dialogue, position: int) -> Segment | None:
    """Return the segment that the turn which starts at sample `position` is, if it is one."""
    segments = dialogue.hearing.segments
    while segments and segments[0].end is not None and segments[0].end <= position:
        segments.popleft()
    if not segments:
        return None
    return segments[0] if segments[0].end is None else segments.popleft()


def _forget_unfinished(dialogue: Dialogue) -> None:
    """Forget the turn in progress: it was cleared, so neither end nor final caption will come."""
    turns = dialogue.hearing.turns
    for number in [n for n, turn in turns.items() if turn.end is None and not turn.announced]:
        del turns[number]


def _ms(time: float) -> int:
    return round(1000 * time)

"""Audio input of a conversation: audio in, turns and transcripts out.

A turn has one item id from `speech_started` to its transcript. When a client commits its audio
itself, the item is announced at once, and the turn that the session detects there gets its id.
"""

import base64
import binascii
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media.audio.pcm import PcmDecoder
from media.events import Caption, Clear, Commit, TurnEnded, TurnStarted
from media.frames import SAMPLE_RATE, AudioChunk
from web.protocol.items import speech_item
from web.protocol.messages import AudioAppend, AudioClear, AudioCommit, ProtocolError
from web.protocol.state import FORMATS, CommitSegment, ConversationState, SpeechTurn

MIN_COMMIT = SAMPLE_RATE // 10  # samples: 100 ms, as in OpenAI's service
NO_SPEECH = "[no speech]"  # transcript of a detected turn without words
MAX_CHUNK = SAMPLE_RATE // 2  # samples
DECODERS = {
    type: PcmDecoder(encoding, rate, SAMPLE_RATE) for type, (encoding, rate) in FORMATS.items()
}


def append(state: ConversationState, event: AudioAppend) -> None:
    """Decode audio in the session's input format and take it as input.

    Raises:
        ProtocolError: it is not base64.
    """
    try:
        coded = base64.b64decode(event.audio, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProtocolError(
            "audio: expected base64 of audio in the session's input format "
            f"({state.config.audio.input.format.type})",
            code="invalid_audio",
            param="audio",
        ) from error
    decoder = DECODERS[state.config.audio.input.format.type]
    audio = state.speech_input
    if audio.decoder is None:
        audio.decoder = decoder.init_state()
    audio.decoder, blocks = decoder.step(audio.decoder, coded)
    for samples in blocks:
        _receive_samples(state, samples)


def flush_decoder(state: ConversationState) -> None:
    """Take what the decoder still holds: the audio in its format ends here."""
    audio = state.speech_input
    if audio.decoder is None:
        return
    decoder = DECODERS[state.config.audio.input.format.type]
    for samples in decoder.flush(audio.decoder):
        _receive_samples(state, samples)
    audio.decoder = None


def advance(state: ConversationState, position: int, samples: int) -> None:
    """Count `samples` more samples of audio, which end at `position` of the session."""
    audio = state.speech_input
    if _commits_itself(state) and _open_segment(state) is None:
        audio.segments.append(CommitSegment(state.new_id("item")))
    audio.position = position
    audio.uncommitted += samples


def commit(state: ConversationState, _: AudioCommit) -> None:
    """End the turn here.

    Raises:
        ProtocolError: there are less than 100 ms of audio to commit.
    """
    flush_decoder(state)
    audio = state.speech_input
    if audio.uncommitted < MIN_COMMIT:
        raise ProtocolError(
            "the buffer is too small to commit: expected at least 100 ms of audio, got "
            f"{1000 * audio.uncommitted / SAMPLE_RATE:.0f} ms",
            code="input_audio_buffer_commit_empty",
        )
    audio.uncommitted = 0
    state.inputs.append(Commit())
    segment = _open_segment(state)
    if segment is None:
        return  # a detected turn: its end announces it
    segment.end = audio.position
    _add_item(state, segment.item_id)
    for turn in audio.turns.values():
        turn.announced = turn.announced or turn.item_id == segment.item_id


def clear(state: ConversationState, _: AudioClear) -> None:
    """Discard the audio that is not committed."""
    flush_decoder(state)
    audio = state.speech_input
    audio.uncommitted = 0
    segment = _open_segment(state)
    if segment is not None:
        segment.end, segment.cleared = audio.position, True
    _drop_unfinished_turns(state)
    state.inputs.append(Clear())
    state.send_event("input_audio_buffer.cleared")


def turn_started(state: ConversationState, output: TurnStarted) -> bool:
    """Give the turn its item id; return whether voice activity detection started it."""
    turns = state.speech_input.turns
    _drop_unfinished_turns(state)
    segment = _segment_at(state, round(output.time * SAMPLE_RATE))
    if segment is not None:
        if not segment.cleared:
            announced = segment.end is not None
            turns[output.turn] = SpeechTurn(segment.item_id, output.time, announced=announced)
        return False
    turn = SpeechTurn(state.new_id("item"), output.time)
    turns[output.turn] = turn
    if _commits_itself(state):
        return False
    state.send_event(
        "input_audio_buffer.speech_started",
        audio_start_ms=_ms(output.time),
        item_id=turn.item_id,
    )
    return True


def turn_ended(state: ConversationState, output: TurnEnded) -> None:
    """Send the end of the turn and its item, unless a commit has already."""
    audio = state.speech_input
    turn = audio.turns.get(output.turn)
    if turn is None:
        return
    turn.start, turn.end = output.start, output.end
    turn.detected = output.detected
    if output.detected:
        after_turn = audio.position - round(output.end * SAMPLE_RATE)
        audio.uncommitted = min(audio.uncommitted, after_turn)
        state.send_event(
            "input_audio_buffer.speech_stopped",
            audio_end_ms=_ms(output.end),
            item_id=turn.item_id,
        )
    if not turn.announced:
        turn.announced = True
        _add_item(state, turn.item_id)


def receive_caption(state: ConversationState, caption: Caption) -> tuple[str, str] | None:
    """Send the words that became stable; return the item id and transcript of a final caption."""
    turn = state.speech_input.turns.get(caption.turn)
    if turn is None:
        return None
    wanted = state.config.audio.input.transcription is not None
    text = caption.text
    if not caption.final:
        text = "".join(word.text for word in caption.words[: caption.stable]).lstrip()
    if wanted and text.startswith(turn.sent) and text != turn.sent:
        state.send_event(
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
    del state.speech_input.turns[caption.turn]
    state.items.replace(speech_item(turn.item_id, text))
    if wanted:
        state.send_event(
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


def fail_transcripts(state: ConversationState, message: str) -> None:
    """Send that the transcripts in progress have failed."""
    turns = state.speech_input.turns
    for turn in turns.values():
        if turn.announced:
            state.send_event(
                "conversation.item.input_audio_transcription.failed",
                item_id=turn.item_id,
                content_index=0,
                error={"type": "server_error", "code": "transcription_failed", "message": message},
            )
    turns.clear()


def trim_items(state: ConversationState) -> None:
    """Delete the oldest items if there are too many, and send that."""
    for id in state.items.over_limit():
        state.items.remove(id)
        state.speech_ms.pop(id, None)
        state.send_event("conversation.item.deleted", item_id=id)


def _receive_samples(state: ConversationState, samples: NDArray[np.float32]) -> None:
    for start in range(0, len(samples), MAX_CHUNK):
        part = samples[start : start + MAX_CHUNK]
        chunk = AudioChunk(part, state.speech_input.position, SAMPLE_RATE)
        advance(state, chunk.end, len(part))
        state.inputs.append(chunk)


def _add_item(state: ConversationState, item_id: str) -> None:
    item = speech_item(item_id)
    previous = state.items.insert(item, None)
    state.send_event("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous)
    state.send_event("conversation.item.added", item=item, previous_item_id=previous)
    state.send_event("conversation.item.done", item=item, previous_item_id=previous)
    trim_items(state)


def _commits_itself(state: ConversationState) -> bool:
    """Return whether the client ends turns itself, without turn detection."""
    return state.config.audio.input.turn_detection is None


def _open_segment(state: ConversationState) -> CommitSegment | None:
    segments = state.speech_input.segments
    return segments[-1] if segments and segments[-1].end is None else None


def _segment_at(state: ConversationState, position: int) -> CommitSegment | None:
    """Return the segment of the turn that starts at sample `position`, if it has one."""
    segments = state.speech_input.segments
    while segments and segments[0].end is not None and segments[0].end <= position:
        segments.popleft()
    if not segments:
        return None
    return segments[0] if segments[0].end is None else segments.popleft()


def _drop_unfinished_turns(state: ConversationState) -> None:
    """Drop the turn in progress: it was cleared, so it has no end and no final caption."""
    turns = state.speech_input.turns
    for number in [n for n, turn in turns.items() if turn.end is None and not turn.announced]:
        del turns[number]


def _ms(time: float) -> int:
    return round(1000 * time)

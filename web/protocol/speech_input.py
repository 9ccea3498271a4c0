"""Audio input of a conversation: audio in, turns and transcripts out.

A turn has one item id from `speech_started` to its transcript. The session alone knows the turns:
it also processes the client's commits and clears, in their order among the audio.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media.audio.pcm import PcmDecoder
from media.events.hearing import (
    Backchannel,
    Caption,
    Clear,
    Commit,
    CommitResult,
    TurnEnded,
    TurnStarted,
)
from media.events.speakers import NameSpeaker, Speakers
from media.frames import SAMPLE_RATE, AudioChunk
from web.protocol.client_events.encoded import decode_base64
from web.protocol.client_events.generation_messages import SpeakerName
from web.protocol.client_events.messages import (
    AudioAppend,
    AudioClear,
    AudioCommit,
    ProtocolError,
)
from web.protocol.items import speech_item
from web.protocol.state import FORMATS, ConversationState, SpeechTurn

NOT_RECOGNIZED = "no model of this language could be loaded"
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
        coded = decode_base64(event.audio)
    except ValueError as error:
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


def commit(state: ConversationState, event: AudioCommit) -> None:
    """Let the session end the turn here; its `CommitResult` says whether there was audio."""
    flush_decoder(state)
    state.speech_input.unprocessed.append(event.event_id)
    state.inputs.append(Commit())


def clear(state: ConversationState, event: AudioClear) -> None:
    """Let the session discard the audio that is not committed."""
    flush_decoder(state)
    state.speech_input.unprocessed.append(event.event_id)
    state.inputs.append(Clear())


def turn_started(state: ConversationState, output: TurnStarted) -> None:
    """Give the turn its item id."""
    turn = SpeechTurn(state.new_id("item"), output.time)
    state.speech_input.turns[output.turn] = turn
    if output.detected:
        state.send_event(
            "input_audio_buffer.speech_started",
            audio_start_ms=_ms(output.time),
            item_id=turn.item_id,
        )


def turn_ended(state: ConversationState, output: TurnEnded) -> str:
    """Send the end of the turn and its item, and return the item's id."""
    turn = state.speech_input.turns[output.turn]
    turn.start, turn.ended, turn.detected = output.start, True, output.detected
    if output.detected:
        state.send_event(
            "input_audio_buffer.speech_stopped",
            audio_end_ms=_ms(output.end),
            item_id=turn.item_id,
        )
    _add_item(state, turn.item_id)
    return turn.item_id


def receive_backchannel(state: ConversationState, output: Backchannel) -> None:
    """Send what was said without interrupting, to clients that take the service's own events."""
    if state.eyeline_events:
        fields = {"text": output.text, "start": output.start, "end": output.end}
        state.send_event("eyeline.backchannel", **fields)


def receive_commit_result(state: ConversationState, output: CommitResult) -> ProtocolError | None:
    """Handle that a commit was processed; return the error if there was too little audio."""
    event_id = state.speech_input.unprocessed.popleft()
    if output.turn is not None:
        return None
    return ProtocolError(
        "the buffer is too small to commit: expected at least 100 ms of audio, got "
        f"{1000 * output.samples / SAMPLE_RATE:.0f} ms",
        code="input_audio_buffer_commit_empty",
        event_id=event_id,
    )


def receive_cleared(state: ConversationState) -> None:
    """Drop the turn in progress, which has no end and no final caption, and send that."""
    audio = state.speech_input
    audio.unprocessed.popleft()
    for number in [number for number, turn in audio.turns.items() if not turn.ended]:
        del audio.turns[number]
    state.send_event("input_audio_buffer.cleared")


def receive_caption(state: ConversationState, caption: Caption) -> tuple[str, str] | None:
    """Send the words that became stable; return the item id and transcript of a final caption."""
    turn = state.speech_input.turns.get(caption.turn)
    if turn is None:
        return None
    turn.latest = caption
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
    del state.speech_input.turns[caption.turn]
    if not caption.language:
        _fail_transcript(state, turn, NOT_RECOGNIZED)
        return turn.item_id, ""
    if not text and turn.detected:
        text = NO_SPEECH
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


def send_speakers(state: ConversationState, output: Speakers) -> None:
    """Send who speaks, and whose earlier captions are, if that was not known."""
    state.speakers = dict(output.names)
    if state.eyeline_events:
        state.send_event("eyeline.speakers", **speakers_fields(output))


def speakers_fields(output: Speakers) -> dict[str, Any]:
    """Return who speaks as JSON."""
    return {
        "speakers": [{"number": number, "name": name} for number, name in output.names],
        "corrected": [
            {"turn": each.turn, "speakers": list(each.speakers)} for each in output.corrected
        ],
    }


def name_speaker(state: ConversationState, event: SpeakerName) -> None:
    """Give a speaker a name."""
    state.inputs.append(NameSpeaker(event.speaker, event.name))


def caption_fields(caption: Caption, names: Mapping[int, str]) -> dict[str, Any]:
    """Return a caption as JSON; times are in seconds of the session.

    If there are several `names` of speakers, each word has the number of its own, and the caption
    the name of the one with most of its words.
    """
    words = [{"text": w.text, "start": w.start, "end": w.end} for w in caption.words]
    told: dict[str, Any] = {}
    if len(names) > 1:
        words = [
            {**fields, "speaker": word.speaker or None}
            for fields, word in zip(words, caption.words, strict=True)
        ]
        most = Counter(word.speaker for word in caption.words).most_common(1)
        told = {"speaker": names.get(most[0][0]) if most else None}
    return told | {
        "turn": caption.turn,
        "text": caption.text,
        "words": words,
        "stable": caption.stable,
        "start": caption.start,
        "end": caption.end,
        "heard": caption.heard,
        "final": caption.final,
        "language": caption.language,
    }


def fail_transcripts(state: ConversationState, message: str) -> None:
    """Send that the transcripts in progress have failed."""
    turns = state.speech_input.turns
    for turn in turns.values():
        if turn.ended:
            _fail_transcript(state, turn, message)
    turns.clear()


def _fail_transcript(state: ConversationState, turn: SpeechTurn, message: str) -> None:
    state.send_event(
        "conversation.item.input_audio_transcription.failed",
        item_id=turn.item_id,
        content_index=0,
        error={"type": "server_error", "code": "transcription_failed", "message": message},
    )


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
        state.speech_input.position = chunk.end
        state.inputs.append(chunk)


def _add_item(state: ConversationState, item_id: str) -> None:
    item = speech_item(item_id)
    previous = state.items.insert(item, None)
    state.send_event("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous)
    state.send_event("conversation.item.added", item=item, previous_item_id=previous)
    state.send_event("conversation.item.done", item=item, previous_item_id=previous)
    trim_items(state)


def _ms(time: float) -> int:
    return round(1000 * time)


COMMANDS: dict[type, Callable[[ConversationState, Any], None]] = {
    AudioAppend: append,
    AudioCommit: commit,
    AudioClear: clear,
    SpeakerName: name_speaker,
}

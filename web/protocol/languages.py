"""What is said in other languages than English, for clients and for the model that answers.

The packaged model that answers understands some questions in other languages, by a phrasebook. Of
others it gets the translation, which comes after the final caption.
"""

from collections.abc import Callable
from typing import Any

from media.events.hearing import Caption, HearingNotice, LanguageDetected, Translation
from models.asr.languages.codes import language_name
from models.assistant.phrasebook.questions import read_foreign
from web.protocol import speech_input
from web.protocol.response import responses
from web.protocol.state import ConversationState


def receive_caption(state: ConversationState, caption: Caption) -> None:
    """Send a caption; ask the question of a final one, at once or when its translation is there."""
    if state.eyeline_events:
        fields = speech_input.caption_fields(caption, state.speakers)
        state.send_event("eyeline.caption", **fields)
    complete = speech_input.receive_caption(state, caption)
    if complete is None:
        return
    item_id, text = complete
    if not caption.language:
        responses.fail_turn(state, item_id, speech_input.NOT_RECOGNIZED)
    elif (
        caption.translated
        and state.capabilities.english_only
        and read_foreign(text, (caption.language,)) is None
    ):
        state.untranslated[caption.turn] = (item_id, text, caption.end)
    else:
        responses.receive_transcript(state, item_id, text, caption.end)


def receive_translation(state: ConversationState, output: Translation) -> None:
    """Send the English text of a turn, and ask the question that waits for it."""
    if state.eyeline_events:
        state.send_event(
            "eyeline.translation",
            turn=output.turn,
            text=output.text,
            stable=output.stable.strip(),
            language=output.language,
            final=output.final,
        )
    if not output.final or output.turn not in state.untranslated:
        return
    item_id, text, time = state.untranslated.pop(output.turn)
    if output.text and item_id in state.items.by_id:
        state.items.english[item_id] = output.text
    responses.receive_transcript(state, item_id, output.text or text, time)
    name = language_name(output.language).title()
    state.send_notice(f"questions in {name} are translated to English, and answered in English")


def send_detected(state: ConversationState, output: LanguageDetected) -> None:
    if state.eyeline_events:
        state.send_event(
            "eyeline.language",
            turn=output.turn,
            language=output.language,
            probability=round(output.probability, 3),
        )


def send_notice(state: ConversationState, output: HearingNotice) -> None:
    state.send_notice(output.message)


EVENTS: dict[type, Callable[[ConversationState, Any], None]] = {
    Translation: receive_translation,
    LanguageDetected: send_detected,
    HearingNotice: send_notice,
}

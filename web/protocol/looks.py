"""Pictures of the user's own, which video generation draws where a prompt says their names."""

import base64
from collections.abc import Callable
from typing import Any

from media.events.generation import LooksChange
from media.images.look_file import LookFile
from models.generation.own_look import OwnLook, OwnLooks
from models.generation.small.prompts.own_names import own_name, replaced_kind
from models.generation.small.prompts.vocabulary import Vocabulary, without_article
from web.protocol.client_events.generation_messages import LookDelete, LookSet
from web.protocol.client_events.messages import ProtocolError
from web.protocol.generation import offered, send_updated
from web.protocol.session_config import GenerationCapabilities
from web.protocol.state import ConversationState


def set_look(state: ConversationState, event: LookSet, cut: LookFile) -> None:
    """Set a picture, in place of one of the same name.

    Raises:
        ProtocolError: no generation model is loaded or it takes no pictures, the name is none, or
            there are too many.
    """
    capabilities, vocabulary = _offered_looks(state)
    name = _name(event.name, vocabulary)
    look = OwnLook(name, cut.file, event.role, event.faces is not None)
    before = [each.name for each in state.looks]
    if name not in before and len(before) >= capabilities.max_looks:
        raise ProtocolError(
            f"a session may have {capabilities.max_looks} pictures, and has {', '.join(before)}: "
            "delete one",
            code="too_many_looks",
            param="name",
        )
    kept = tuple(look if each.name == name else each for each in state.looks)
    _change(state, kept if name in before else (*kept, look))
    if not state.eyeline_events:
        return
    state.send_event(
        "eyeline.look.updated",
        look={
            "name": name,
            "role": event.role,
            "cut": cut.by,
            "faces": event.faces,
            "replaces": without_article(replaced_kind(name, vocabulary)) or None,
            "image": f"data:image/webp;base64,{base64.b64encode(cut.file).decode()}",
        },
    )
    _read_again(state)


def delete_look(state: ConversationState, event: LookDelete) -> None:
    """Delete a picture; what it took the place of is drawn again.

    Raises:
        ProtocolError: as of `set_look`, or there is no such picture.
    """
    _, vocabulary = _offered_looks(state)
    name = _name(event.name, vocabulary)
    if name not in (names := [each.name for each in state.looks]):
        known = f"there are {', '.join(names)}" if names else "there are none"
        raise ProtocolError(f'name: no picture is called "{name}": {known}', param="name")
    _change(state, tuple(each for each in state.looks if each.name != name))
    if state.eyeline_events:
        state.send_event("eyeline.look.deleted", name=name)
        _read_again(state)


def _offered_looks(state: ConversationState) -> tuple[GenerationCapabilities, Vocabulary]:
    capabilities = offered(state)
    if not capabilities.max_looks or capabilities.vocabulary is None:
        raise ProtocolError(
            "video generation takes no pictures here: the model draws from words alone, or "
            "EYELINE_DRAWING_LOOKS is 0",
            code="looks_not_supported",
        )
    return capabilities, capabilities.vocabulary


def _name(text: str, vocabulary: Vocabulary) -> str:
    try:
        return own_name(text, vocabulary)
    except ValueError as error:
        raise ProtocolError(f"name: {error}", param="name") from error


def _change(state: ConversationState, looks: OwnLooks) -> None:
    state.looks = looks
    state.inputs.append(LooksChange(looks, state.media_time))


def _read_again(state: ConversationState) -> None:
    """Send how the prompt is read now."""
    if state.prompt:
        send_updated(state)


COMMANDS: dict[type, Callable[[ConversationState, Any], None]] = {LookDelete: delete_look}

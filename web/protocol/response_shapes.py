"""The shapes in which a response and its parts go to the client."""

from typing import Any, Literal

from web.protocol.items import Item
from web.protocol.session_config import RealtimeConfig
from web.protocol.state import Dialogue, Response, say

Status = Literal["in_progress", "completed", "cancelled", "failed"]


def say_part(dialogue: Dialogue, type: str, response: Response, **fields: Any) -> None:
    say(
        dialogue,
        type,
        response_id=response.id,
        item_id=response.item_id,
        output_index=0,
        content_index=0,
        **fields,
    )


def say_whole(
    dialogue: Dialogue, type: str, response: Response, status: Status, reason: str | None = None
) -> None:
    terms = dialogue.terms
    assert isinstance(terms, RealtimeConfig), "only realtime sessions respond"
    output = []
    if response.begun and status != "in_progress":
        ended = "completed" if status == "completed" else "incomplete"
        output.append(item_of(response, ended, content=[content_of(response)]))
    whole = {
        "object": "realtime.response",
        "id": response.id,
        "status": status,
        "status_details": _details(status, reason),
        "output": output,
        "conversation_id": f"conv_{dialogue.id.removeprefix('sess_')}" if response.kept else None,
        "output_modalities": ["audio" if response.spoken else "text"],
        "max_output_tokens": "inf",
        "audio": {
            "output": {
                "format": terms.audio.output.format.model_dump(),
                "voice": terms.audio.output.voice,
            }
        },
        "usage": None,
        "metadata": response.metadata,
    }
    say(dialogue, type, response=whole)


def _details(status: Status, reason: str | None) -> dict[str, Any] | None:
    if status == "cancelled":
        return {"type": "cancelled", "reason": reason}
    if status == "failed":
        error = {"type": "server_error", "code": "response_failed", "message": reason}
        return {"type": "failed", "error": error}
    return None


def item_of(response: Response, status: str, *, content: list[dict[str, Any]]) -> Item:
    return {
        "id": response.item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def content_of(response: Response) -> dict[str, Any]:
    if response.spoken:
        return {"type": "output_audio", "transcript": response.text}
    return {"type": "output_text", "text": response.text}


def part_of(response: Response, *, begun: bool = False) -> dict[str, Any]:
    text = "" if begun else response.text
    if response.spoken:
        return {"type": "audio", "transcript": text}
    return {"type": "text", "text": text}

"""The request for an answer: the conversation, what was seen, and the question."""

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

from media.dialogue import Dialogue, DialogueTurn, FunctionCall, FunctionTool
from media.events.answers import Question
from media.pipeline.outside.endpoint import ModelEndpoint
from media.pipeline.outside.evidence import QuestionEvidence, TimedPicture
from media.pipeline.outside.memory_tools import ToolRound
from models.assistant.scene.scene_entry import format_time
from models.assistant.understanding.wanted import Scope

Fields = dict[str, Any]

WATCHING = (
    "You see through the camera of the user in a live video call. With a question come notes of "
    "what was seen and pictures, each with its time in minutes:seconds since the call began. "
    "The notes are from a small classifier and often wrong: trust the pictures, if there are any. "
    "If neither shows what is asked for, say so."
)
BRIEF = "Answer in one to three short sentences of plain text."
SPOKEN = "They are read aloud: no lists, no markup, no emoji."
NOTHING_SEEN = "Nothing was seen yet."
SILENCE = "(silence)"


def request_body(
    endpoint: ModelEndpoint,
    question: Question,
    evidence: QuestionEvidence,
    *,
    with_pictures: bool,
    tools: Iterable[FunctionTool] = (),
    rounds: Iterable[ToolRound] = (),
) -> bytes:
    """Return the body of the request; `rounds` are the calls that the model made itself.

    It is encoded here, as pictures take milliseconds: call it on a worker.
    """
    messages = conversation(question, evidence, with_pictures=with_pictures)
    for each in rounds:
        messages += _round_messages(each, with_pictures=with_pictures)
    dialogue = question.dialogue
    length = endpoint.max_tokens
    if dialogue.max_tokens is not None:
        length = min(length, dialogue.max_tokens)
    fields: Fields = {
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": length,
    }
    if endpoint.model:
        fields["model"] = endpoint.model
    return json.dumps(fields | _tool_fields(dialogue, tuple(tools))).encode()


def conversation(
    question: Question, evidence: QuestionEvidence, *, with_pictures: bool
) -> list[Fields]:
    """Return the messages up to the question, and the calls that were made to answer it."""
    dialogue = question.dialogue
    system = _system(question, evidence)
    calls = {call.id: call for turn in (*dialogue.before, *dialogue.since) for call in turn.calls}
    before = [*map(turn_message, _talk(_answered(dialogue.before, calls)))]
    if before and before[0]["role"] != "user":
        before.insert(0, {"role": "user", "content": SILENCE})  # templates begin with the user
    asked = {"role": "user", "content": _content(question, evidence, with_pictures=with_pictures)}
    if before and before[-1]["role"] == "user":
        _join(asked, before.pop())  # templates alternate
    since = [*map(turn_message, _talk(_answered(dialogue.since, calls)))]
    if since and since[-1]["role"] == "assistant":
        since.append({"role": "user", "content": SILENCE})  # servers would go on with that answer
    head = [{"role": "system", "content": system}] if system else []
    return [*head, *before, asked, *since]


def _round_messages(made: ToolRound, *, with_pictures: bool) -> list[Fields]:
    """Return the model's calls and their results, which are text; their pictures come after."""
    messages = [turn_message(made.turn)]
    pictures: list[TimedPicture] = []
    for call, result in zip(made.turn.calls, made.results, strict=True):
        messages.append(turn_message(DialogueTurn("tool", result.text, call_id=call.id)))
        pictures += result.evidence.pictures
    if pictures and with_pictures:
        messages.append({"role": "user", "content": _picture_parts(pictures)})
    return messages


def turn_message(turn: DialogueTurn) -> Fields:
    """Return a turn of a conversation as a message."""
    if turn.role == "tool":
        return {"role": "tool", "tool_call_id": turn.call_id, "content": turn.text}
    message: Fields = {"role": turn.role, "content": turn.text}
    if turn.calls:
        message |= {"content": turn.text or None, "tool_calls": [*map(_call, turn.calls)]}
    return message


def _system(question: Question, evidence: QuestionEvidence) -> str:
    dialogue = question.dialogue
    parts = [WATCHING, BRIEF] if evidence.looking else []
    if question.spoken:
        parts.append(SPOKEN)
    told = [turn.text for turn in (*dialogue.before, *dialogue.since) if turn.role == "system"]
    return "\n\n".join(part for part in (" ".join(parts), dialogue.instructions, *told) if part)


def _answered(
    turns: Iterable[DialogueTurn], calls: dict[str, FunctionCall]
) -> Iterator[DialogueTurn]:
    """Yield the turns with each call right before its output, as servers demand.

    `calls` are those of the whole conversation by their ids; those that are yielded are taken out.
    A call that has no output yet is left out, and so is an output without its call.
    """
    for are_outputs, group in groupby(turns, key=lambda turn: turn.role == "tool"):
        if not are_outputs:
            yield from (replace(turn, calls=()) for turn in group if turn.text)
        elif outputs := {turn.call_id: turn for turn in group if turn.call_id in calls}:
            yield DialogueTurn("assistant", calls=tuple(calls.pop(id) for id in outputs))
            yield from outputs.values()


def _talk(turns: Iterable[DialogueTurn]) -> list[DialogueTurn]:
    """Return the turns without those of the system; two of one speaker in a row are one."""
    talk: list[DialogueTurn] = []
    for turn in turns:
        last = talk[-1] if talk else None
        if turn.role == "system":
            continue
        if last is not None and last.role == turn.role != "tool" and not last.calls:
            text = "\n".join(filter(None, (last.text, turn.text)))
            talk[-1] = replace(turn, text=text)
        else:
            talk.append(turn)
    return talk


def _content(
    question: Question, evidence: QuestionEvidence, *, with_pictures: bool
) -> str | list[Fields]:
    """Return the content of the question: parts if there are pictures, text otherwise."""
    pictures = evidence.pictures if with_pictures else ()
    notes = _notes(evidence) if evidence.looking else ""
    now = f"It is {format_time(question.time)}. " if evidence.looking else ""
    text = now + question.text
    if not pictures:
        return "\n".join(part for part in (notes, text) if part)
    parts: list[Fields] = [{"type": "text", "text": notes}] if notes else []
    return [*parts, *_picture_parts(pictures), {"type": "text", "text": text}]


def _picture_parts(pictures: Iterable[TimedPicture]) -> list[Fields]:
    parts: list[Fields] = []
    for picture in pictures:
        if picture.time is not None:
            parts.append({"type": "text", "text": f"Picture at {format_time(picture.time)}:"})
        parts.append({"type": "image_url", "image_url": {"url": _data_url(picture)}})
    return parts


def _notes(evidence: QuestionEvidence) -> str:
    lines = [f"{format_time(each.time)} {each.text}" for each in evidence.moments if each.text]
    if evidence.scope == Scope.NONE:
        return ""
    if lines:
        return "\n".join(["Notes of what was seen:", *lines])
    return "" if evidence.pictures else NOTHING_SEEN


def _data_url(picture: TimedPicture) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(picture.jpeg).decode()}"


def _join(asked: Fields, before: Fields) -> None:
    """Put the text of the user's message `before` at the start of the question."""
    content = asked["content"]
    if isinstance(content, str):
        asked["content"] = f"{before['content']}\n{content}"
    else:
        asked["content"] = [{"type": "text", "text": before["content"]}, *content]


def _call(call: FunctionCall) -> Fields:
    function = {"name": call.name, "arguments": _object(call.arguments)}
    return {"id": call.id, "type": "function", "function": function}


def _object(arguments: str) -> str:
    """Return the arguments of a call, or none: servers refuse all that is no JSON object."""
    try:
        return arguments if isinstance(json.loads(arguments), dict) else "{}"
    except (ValueError, RecursionError):
        return "{}"


def _tool_fields(dialogue: Dialogue, tools: tuple[FunctionTool, ...]) -> Fields:
    if not tools:
        return {}
    choice: str | Fields = dialogue.tool_choice
    if choice not in ("auto", "none", "required"):
        choice = {"type": "function", "function": {"name": choice}}
    fields: Fields = {"tools": [*map(_tool, tools)], "tool_choice": choice}
    return fields if dialogue.parallel else {**fields, "parallel_tool_calls": False}


def _tool(tool: FunctionTool) -> Fields:
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": json.loads(tool.parameters),
    }
    return {"type": "function", "function": function}

"""The conversation around a question, for the model that answers it."""

from collections.abc import Iterable
from dataclasses import replace

from media.dialogue import Dialogue, DialogueTurn, FunctionCall
from web.protocol.items import Item, ItemList


def dialogue_around(items: ItemList, message: Item | None, history: int) -> Dialogue:
    """Return up to `history` turns before `message`, and what belongs to it since.

    Since a question come the calls that the model made to answer it, and their outputs.
    """
    order = [items.by_id[id] for id in items.order]
    at = len(order)
    if message is not None and message["id"] in items.by_id:
        at = items.order.index(message["id"])
    before = _turns(order[:at])
    first = max(0, len(before) - history)
    while first < len(before) and before[first].role == "tool":
        first += 1  # the call that it is the output of is left out
    return Dialogue(before=before[first:], since=_turns(order[at + 1 :]))


def _turns(items: Iterable[Item]) -> tuple[DialogueTurn, ...]:
    """Return what was said; a message and the calls after it are one turn of the model."""
    turns: list[DialogueTurn] = []
    for item in items:
        turn = _turn(item)
        if turn.calls and turns and turns[-1].role == "assistant":
            turns[-1] = replace(turns[-1], calls=turns[-1].calls + turn.calls)
        elif turn.text or turn.calls or turn.role == "tool":
            turns.append(turn)
    return tuple(turns)


def _turn(item: Item) -> DialogueTurn:
    match item["type"]:
        case "function_call":
            call = FunctionCall(
                str(item.get("call_id") or item["id"]), item["name"], item["arguments"]
            )
            return DialogueTurn("assistant", calls=(call,))
        case "function_call_output":
            return DialogueTurn("tool", item["output"], call_id=item["call_id"])
        case _:
            parts = (part.get("text") or part.get("transcript") for part in item["content"])
            return DialogueTurn(item["role"], " ".join(part for part in parts if part))

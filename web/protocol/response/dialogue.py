"""The conversation around a question, for the model that answers it."""

from collections.abc import Iterable
from dataclasses import replace

from media.dialogue import Dialogue, DialogueTurn, FunctionCall
from web.protocol.client_events.messages import ResponseConfig, parse_item
from web.protocol.client_events.tools import choice_name, function_tools, missing_choice
from web.protocol.items import Item, ItemList, item_from_client
from web.protocol.session_config import RealtimeConfig
from web.protocol.state import ConversationState


def context_of(state: ConversationState, config: ResponseConfig) -> ItemList:
    """Return what a response is about: the conversation, or the input that it has instead.

    Raises:
        ProtocolError: an item of the input is wrong, or refers to none.
    """
    if config.input is None:
        return state.items
    items = ItemList()
    for index, raw in enumerate(config.input):
        param = f"response.input[{index}]"
        if raw.get("type") == "item_reference":
            item = state.items.find(str(raw.get("id")), f"{param}.id")
        else:
            item = item_from_client(parse_item(raw, param), state.new_id("item"))
        items.insert(item, None)
    return items


def response_dialogue(session: RealtimeConfig, response: ResponseConfig) -> Dialogue:
    """Return the instructions and tools of a response; what it does not set is the session's.

    A function that the session chose, and that is not among the tools any more, is not chosen.
    """
    tools = session.tools if response.tools is None else response.tools
    choice, parallel = response.tool_choice or session.tool_choice, response.parallel_tool_calls
    choice = "auto" if missing_choice(choice, tools) else choice
    parallel = session.parallel_tool_calls if parallel is None else parallel
    told = response.instructions
    return Dialogue(
        instructions=session.instructions if told is None else told,
        tools=function_tools(tools),
        tool_choice=choice_name(choice),
        parallel=parallel is not False,
        max_tokens=_max_tokens(session, response),
    )


def _max_tokens(session: RealtimeConfig, response: ResponseConfig) -> int | None:
    longest = response.max_output_tokens or session.max_output_tokens
    return None if longest == "inf" else longest


def dialogue_around(items: ItemList, message: Item | None, history: int) -> Dialogue:
    """Return up to `history` turns before `message`, and what belongs to it since.

    Since a question come the calls that the model made to answer it, and their outputs.
    """
    order = [items.by_id[id] for id in items.order]
    at = len(order)
    if message is not None and message["id"] in items.by_id:
        at = items.order.index(message["id"])
    before = _turns(order[:at])
    return Dialogue(before=before[max(0, len(before) - history) :], since=_turns(order[at + 1 :]))


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

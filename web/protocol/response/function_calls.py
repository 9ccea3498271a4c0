"""The client's functions: which it may have, and their calls, the last items of a response.

Calls are sent when the response ends, after its message, so a client can answer them at once.
"""

from collections.abc import Sequence

from media.dialogue import CalledFunction
from web.protocol.client_events.messages import ProtocolError
from web.protocol.client_events.tools import (
    NO_TOOLS,
    FunctionToolConfig,
    ToolChoice,
    missing_choice,
)
from web.protocol.items import Item
from web.protocol.session_config import Capabilities
from web.protocol.state import ConversationState, ResponseState

HARMLESS_CHOICES = (None, "auto", "none")  # of tools, for a model that calls none


def check_tools(tools: object, choice: object, capabilities: Capabilities, place: str) -> None:
    """Check that the model can do what `tools` and `tool_choice` of a client ask for.

    Raises:
        ProtocolError: it calls no functions.
    """
    if capabilities.tools:
        return
    for name, asked in (("tools", bool(tools)), ("tool_choice", choice not in HARMLESS_CHOICES)):
        if asked:
            param = f"{place}.{name}"
            raise ProtocolError(f"{param}: {NO_TOOLS}", code="tools_not_supported", param=param)


def check_choice(
    choice: ToolChoice | None, tools: Sequence[FunctionToolConfig], place: str
) -> None:
    """Check that a function that a client chooses is one of its tools.

    Raises:
        ProtocolError: it is not.
    """
    missing = missing_choice(choice, tools)
    if missing is not None:
        param = f"{place}.tool_choice"
        raise ProtocolError(f"{param}: {missing}", param=param)


def receive_call(state: ConversationState, output: CalledFunction) -> None:
    """Note a call of the response in progress."""
    response = state.response
    if response is None or response.question_id != output.id:
        return
    call = output.call
    item: Item = {
        "id": state.new_id("item"),
        "object": "realtime.item",
        "type": "function_call",
        "status": "completed",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
    }
    response.calls.append(item)


def send_calls(state: ConversationState, response: ResponseState) -> None:
    """Send the calls of a complete response, each as an item with its arguments."""
    for number, item in enumerate(response.calls):
        _send_call(state, response, item, number + response.started)


def _send_call(state: ConversationState, response: ResponseState, item: Item, index: int) -> None:
    arguments = item["arguments"]
    begun = item | {"status": "in_progress", "arguments": ""}
    place = {"response_id": response.id, "output_index": index}
    state.send_event("response.output_item.added", **place, item=begun)
    previous = None
    if response.in_conversation:
        previous = state.items.insert(item, None)
        state.send_event("conversation.item.added", item=begun, previous_item_id=previous)
    place |= {"item_id": item["id"], "call_id": item["call_id"]}
    state.send_event("response.function_call_arguments.delta", **place, delta=arguments)
    done = {"name": item["name"], "arguments": arguments}
    state.send_event("response.function_call_arguments.done", **place, **done)
    del place["item_id"], place["call_id"]
    state.send_event("response.output_item.done", **place, item=item)
    if response.in_conversation:
        state.send_event("conversation.item.done", item=item, previous_item_id=previous)

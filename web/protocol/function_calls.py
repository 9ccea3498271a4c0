"""Calls of the client's functions: the last items of a response.

They are sent when the response ends, after its message, so a client can answer them at once.
"""

from media.dialogue import CalledFunction
from web.protocol.items import Item
from web.protocol.state import ConversationState, ResponseState


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

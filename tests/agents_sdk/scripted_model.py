"""A model behind a scripted endpoint that calls functions as it is asked, and reads what they gave.

It answers from the request that it gets, so an answer shows what reached it.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from anyio.from_thread import start_blocking_portal

from tests.media.pipeline.outside.scripted_endpoint import (
    STREAM_HEAD,
    Reply,
    ScriptedEndpoint,
    calls,
    event,
    says,
    scripted_endpoint,
)

Fields = dict[str, Any]
NUMBERS = count(1)  # a model gives each call an id of its own


@contextmanager
def scripted_model() -> Iterator[ScriptedEndpoint]:
    """Yield the endpoint, which runs in a thread of its own."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(scripted_endpoint()) as endpoint,
    ):

        async def reply(writer: asyncio.StreamWriter) -> None:
            await answer_to(endpoint.requests[-1])(writer)

        endpoint.replies.append(reply)
        yield endpoint


def answer_to(request: Fields) -> Reply:
    """Return the reply to the last message of `request`."""
    messages: list[Fields] = request["messages"]
    asked = next(n for n, each in reversed([*enumerate(messages)]) if each["role"] == "user")
    outputs = [each["content"] for each in messages[asked:] if each["role"] == "tool"]
    words = messages[asked]["content"].split("It is 0:")[-1].split()[1:]
    if outputs:
        return says(*f"It is {' and '.join(outputs)}.".partition(" "))
    match words:
        case ["add", a, "and", b]:
            return calls(call("add", a=int(a), b=int(b)))
        case ["do", "both"]:
            return calls(call("add", a=20, b=22), call("slow"))
        case ["break"]:
            return calls(call("broken"))
        case ["sleep"]:
            return calls(call("slow"), text="A moment.")
        case ["transfer", "to", agent]:
            return calls(call(f"transfer_to_{agent}"))
        case ["count"]:
            return counts
        case _:
            pass
    system = messages[0]["content"].splitlines()[-1]
    return says(f"You said {' '.join(words)}; {system} {request.get('tool_choice')}.")


def call(name: str, **arguments: int) -> tuple[str, str, str]:
    return f"call_{next(NUMBERS)}", name, json.dumps(arguments)


async def counts(writer: asyncio.StreamWriter) -> None:
    """Say one sentence and then nothing more, until the client closes the connection."""
    writer.write(STREAM_HEAD + event({"content": "One, two, three. "}))
    await writer.drain()
    await asyncio.Event().wait()

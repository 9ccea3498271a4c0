"""Checks server events with the openai SDK's own models, strictly: all fields, right types."""

import json
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

MODELS: dict[str, TypeAdapter[Any]] = {
    type: TypeAdapter(model)
    for model in typing.get_args(typing.get_args(RealtimeServerEvent)[0])
    for type in typing.get_args(model.model_fields["type"].annotation)
}


def check(events: Iterable[Mapping[str, Any]]) -> None:
    """Fail where the SDK would not take one of `events`; the service's own need only an id."""
    seen = set()
    for event in events:
        plain = json.loads(json.dumps(event))  # as the wire carries it
        assert plain["event_id"], plain
        assert plain["event_id"] not in seen, f"event_id twice: {plain}"
        seen.add(plain["event_id"])
        if not plain["type"].startswith("eyeline."):
            MODELS[plain["type"]].validate_python(plain)

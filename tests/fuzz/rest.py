"""Requests that the OpenAPI document allows, and such that it forbids, to the real service.

    python -m tests.fuzz.rest [--cases 10000]

sends that many to each operation, with the key, without one and with a wrong one; the models are
scripted, and sessions are recorded. A fault is a status of 500, an answer that the document does
not have, or a check of schemathesis's that fails.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from websockets.sync.client import connect

from tests.patience import PATIENCE
from tests.web.served import Served, scripted_models, served
from web.config import Settings

Operation = schemathesis.APIOperation[Any, Any, Any, Any]

KEY = "sesame"
HEADERS = [{"Authorization": f"Bearer {KEY}"}, {}, {"Authorization": "Bearer ek_wrong"}]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def _as_text(_: schemathesis.SerializationContext, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@contextlib.contextmanager
def fuzzed_service() -> Iterator[tuple[Served, str]]:
    """Yield a service, and the id of a session that has ended and was recorded."""
    with (
        tempfile.TemporaryDirectory() as folder,
        scripted_models() as models,
        served(
            Settings(languages=("en",), api_key=SecretStr(KEY), recordings=Path(folder)), models
        ) as service,
    ):
        with connect(f"{service.ws}/v1/realtime", additional_headers=HEADERS[0]) as client:
            created = json.loads(client.recv(PATIENCE))
        yield service, created["session"]["id"]


def operations(service: Served) -> list[Operation]:
    schema = schemathesis.openapi.from_url(f"{service.http}/openapi.json")
    found = [each for each in schema.get_all_operations() if isinstance(each, Ok)]
    assert len(found) == schema.statistic.operations.total
    return [each.ok() for each in found]


def fuzz(operation: Operation, session: str, *, cases: int) -> None:
    """Send `cases` requests to one operation, and check the responses."""
    kinds = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

    @given(case=st.one_of(kinds), live=st.booleans(), sender=st.integers(0, 8))
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        derandomize=cases < 100,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    def send(case: schemathesis.Case[Any], live: bool, sender: int) -> None:
        if live and "id" in case.path_parameters:
            case.path_parameters["id"] = session
        headers = HEADERS[max(0, sender - 6)]
        case.validate_response(case.call(headers=headers, timeout=PATIENCE), checks=CHECKS)

    send()


def main() -> None:
    parser = argparse.ArgumentParser(description="requests to every operation")
    parser.add_argument("--cases", type=int, default=10_000)
    cases = parser.parse_args().cases
    with fuzzed_service() as (service, session):
        for operation in operations(service):
            fuzz(operation, session, cases=cases)
            sys.stdout.write(f"{operation.label}: {cases} requests\n")


if __name__ == "__main__":
    main()

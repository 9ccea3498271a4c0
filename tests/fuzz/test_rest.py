"""A short run of `python -m tests.fuzz.rest`."""

from collections.abc import Iterator

import pytest

from tests.fuzz.rest import fuzz, fuzzed_service, operations
from tests.web.served import Served


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[Served, str]]:
    with fuzzed_service() as service:
        yield service


@pytest.mark.slow
def test_each_operation_answers_any_request_as_documented(service: tuple[Served, str]) -> None:
    for operation in operations(service[0]):
        fuzz(operation, service[1], cases=8)

from collections.abc import Iterator

import pytest

from trt_engines.store.maker import Maker


@pytest.fixture(scope="session")
def maker() -> Iterator[Maker]:
    """One process that exports and compiles for all tests: its imports take seconds."""
    with Maker() as made:
        yield made

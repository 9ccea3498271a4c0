"""What becomes of a call of Ray's: its result, what was raised, or that the worker is lost."""

from concurrent.futures import Future

import pytest

from web.cluster.models.actors import _chained
from web.cluster.models.messages import WorkerLostError

exceptions = pytest.importorskip("ray.exceptions")


def failed(error: Exception) -> "Future[int]":
    future: Future[int] = Future()
    future.set_exception(error)
    return future


def test_only_a_worker_that_is_gone_is_lost() -> None:
    answer: Future[int] = Future()
    answer.set_result(2)
    assert _chained(answer, lambda number: number + 1).result() == 3
    with pytest.raises(WorkerLostError):
        _chained(failed(exceptions.ActorDiedError()), int).result()
    raised = exceptions.RayTaskError("step", "", KeyError("model")).as_instanceof_cause()
    with pytest.raises(KeyError):
        _chained(failed(raised), int).result()


def test_a_result_that_cannot_be_taken_is_a_failure_and_keeps_nobody_waiting() -> None:
    answer: Future[int] = Future()
    answer.set_result(0)
    with pytest.raises(ZeroDivisionError):
        _chained(answer, lambda number: 1 // number).result(timeout=0)

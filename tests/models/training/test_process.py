import os
import signal

from models.training.process import SAVE_INTERVAL, training_steps


class Run:
    """Counts its steps, and at which of them it was saved."""

    def __init__(self) -> None:
        self.step = 0
        self.saved: list[int] = []

    def save(self) -> None:
        self.saved.append(self.step)


def test_a_run_is_saved_after_minutes_of_work_and_at_the_end() -> None:
    run = Run()
    for _ in training_steps(
        lambda: run.step < 7, run.save, work=lambda: run.step * SAVE_INTERVAL / 2.5
    ):
        run.step += 1
    assert run.saved == [3, 6, 7]


def test_a_run_ends_when_its_time_is_over() -> None:
    run = Run()
    for _ in training_steps(lambda: True, run.save, minutes=2, clock=lambda: 30.0 * run.step):
        run.step += 1
    assert run.step == 4
    assert run.saved == [4]


def test_a_run_that_receives_a_signal_ends_its_step_and_is_saved() -> None:
    run = Run()
    for _ in training_steps(lambda: run.step < 100, run.save):
        if run.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        run.step += 1
    assert run.saved == [3]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

import random

from rtc.receiving.retransmission import times_sent


def test_a_request_is_sent_as_often_as_loss_asks_for() -> None:
    sent = [times_sent(loss) for loss in (0.0, 0.004, 0.01, 0.05, 0.1, 0.5, 1.0)]
    assert sent == [1, 1, 2, 2, 3, 3, 3]
    rng = random.Random(1)
    for loss in (0.02, 0.05, 0.1):
        tries = [
            any(rng.random() >= loss and rng.random() >= loss for _ in range(times_sent(loss)))
            for _ in range(4000)
        ]
        assert tries.count(False) <= 60  # a hundredth, and four deviations

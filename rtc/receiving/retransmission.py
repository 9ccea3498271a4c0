"""How often a lost packet is requested: what audio, video and the plan of the frame rate share."""

MAX_REQUESTS = 3  # of one packet, a round trip apart; then a keyframe or concealment has to do
MAX_SENT = 3  # times that one request is sent
UNANSWERED = 0.01  # chance that a request stays without an answer, from which it is sent again


def times_sent(loss: float) -> int:
    """Return how often a request is sent where this fraction of packets is lost, both ways."""
    failed = 1 - (1 - loss) ** 2  # the request or its answer
    sent, unanswered = 1, failed
    while unanswered > UNANSWERED and sent < MAX_SENT:
        sent, unanswered = sent + 1, unanswered * failed
    return sent

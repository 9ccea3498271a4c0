"""When a session sends the status of its generation: pure."""

from dataclasses import replace

from media.events.generation import GenerationStatus

REPORT_INTERVAL = 1.0  # seconds between two reports while frames are shown
DELAY_INTERVAL = 0.25  # the same for a new delay


def worth_sending(status: GenerationStatus, last: GenerationStatus, seconds: float) -> bool:
    """Return whether to send `status`, `seconds` after `last`: at once if it says another thing."""
    return (
        _without_measurements(status) != _without_measurements(last)
        or (status.pictures != last.pictures and seconds >= REPORT_INTERVAL)
        or (status.delay != last.delay and seconds >= DELAY_INTERVAL)
    )


def _without_measurements(status: GenerationStatus) -> GenerationStatus:
    return replace(status, fps=0.0, queue=0, pictures=0, delay=None)

"""The open questions of a session, and which of them were cancelled."""

from collections.abc import Callable

from media.delays import Histogram


class OpenQuestions:
    """State that stages share: a cancellation must overtake what waits in channels.

    Whether it does depends on how fast the answer comes, so a replay is not `cancellable`.
    """

    def __init__(self, *, cancellable: bool = True) -> None:
        self._cancellable = cancellable
        self._cancelled: dict[str, bool] = {}
        self._outside: set[str] = set()
        self._unread: set[str] = set()
        self._calls: dict[str, Callable[[], None]] = {}
        self._arrivals: dict[str, float] = {}
        self._spoken_until = 0.0

    @property
    def any(self) -> bool:
        return bool(self._cancelled)

    @property
    def unread(self) -> bool:
        """Whether a question waits in a channel."""
        return bool(self._unread)

    def open(self, id: str, arrival: float | None = None, *, outside: bool = False) -> None:
        """Add question `id`, asked at `arrival`; None if nobody waits for the answer.

        It is not interrupted if it comes from `outside` the conversation.
        """
        self._cancelled[id] = False
        if outside:
            self._outside.add(id)
        if arrival is not None:
            self._arrivals[id] = arrival
        self._unread.add(id)

    def read(self, id: str) -> None:
        """Note that question `id` was taken from its channel."""
        self._unread.discard(id)

    def close(self, id: str) -> None:
        """Remove question `id`: its last answer was sent."""
        self._cancelled.pop(id, None)
        self._outside.discard(id)
        self._calls.pop(id, None)
        self._arrivals.pop(id, None)

    def note_speech(self, seconds: float, now: float) -> None:
        """Note that `seconds` of an answer's speech were sent, which play after the earlier."""
        self._spoken_until = max(self._spoken_until, now) + seconds

    def speaking(self, now: float) -> bool:
        """Return whether an answer is awaited, or its speech plays, as far as is known here.

        Never in a replay: nothing interrupts its answers.
        """
        awaited = len(self._cancelled) > len(self._outside)
        return self._cancellable and (awaited or now < self._spoken_until)

    def on_cancel(self, id: str, call: Callable[[], None]) -> None:
        """Call `call` when question `id` is cancelled, while it is open."""
        self._calls[id] = call

    def interrupt(self) -> None:
        """Cancel the open questions of the conversation: its user speaks."""
        for known in self._cancelled.keys() - self._outside:
            self.cancel(known)
        if self._cancellable:
            self._spoken_until = 0.0

    def cancel(self, id: str | None) -> None:
        """Cancel question `id`, or all open questions if None. Unknown ids are ignored."""
        if not self._cancellable:
            return
        self._spoken_until = 0.0
        for known in self._cancelled:
            if id is None or known == id:
                self._cancelled[known] = True
                self._calls.get(known, _nothing)()

    def observe_wait(self, id: str, now: float, waits: Histogram) -> None:
        """Count in `waits` how long the user has waited at `now` for question `id`."""
        if id in self._arrivals:
            waits.observe(max(0.0, now - self._arrivals[id]))

    def cancelled(self, id: str) -> bool:
        return self._cancelled.get(id, False)


def _nothing() -> None:
    """Do nothing: the answer has not begun."""

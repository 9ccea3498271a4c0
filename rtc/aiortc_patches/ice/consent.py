"""Consent checks of RFC 7675, which also measure the round trip.

aioice takes an answer that comes after 0.5 s for none, and ends the connection after six. Here,
answers count however late, and the peer's other packets too: `rtc.liveness` decides.
"""

from aioice import Connection, stun
from aiortc import RTCDtlsTransport

from rtc.aiortc_patches.connection import ice_connection
from rtc.receiving.link import Link

MAX_AGE = 30.0  # seconds for which an answer is waited for: RFC 7675, section 5.1


class Consent:
    """The checks of one transport; `link` gets the round trip of each."""

    def __init__(self, transport: RTCDtlsTransport, link: Link) -> None:
        self._link = link
        self._clock = link.clock
        self._transport = transport.transport

    @property
    def _ice(self) -> Connection:
        return ice_connection(self._transport)

    def check(self) -> None:
        """Send a check, if there is a path; its answer is taken when it comes."""
        pair, password = next(iter(self._ice._nominated.values()), None), self._ice.remote_password
        if pair is None or password is None:
            return
        request = self._ice.build_request(pair, nominate=False)
        request.add_message_integrity(password.encode())
        waiting = pair.protocol.transactions
        now = self._clock.now()
        for id, transaction in list(waiting.items()):
            if isinstance(transaction, _Check) and now - transaction.sent > MAX_AGE:
                del waiting[id]
        waiting[request.transaction_id] = _Check(self, waiting, now)  # type: ignore[assignment]
        pair.protocol.send_stun(request, pair.remote_addr)

    def answered(self, message: stun.Message, sent: float) -> bool:
        """Take the answer to a check; return whether it is authentic."""
        password = self._ice.remote_password
        if password is None or not message.check_message_integrity(password.encode()):
            return False
        if message.message_class == stun.Class.RESPONSE:
            self._link.round_trip = self._clock.now() - sent
        return True


class _Check:
    """A check that waits for its answer; has the one method of `stun.Transaction` that is used."""

    def __init__(
        self, consent: Consent, waiting: dict[bytes, stun.Transaction], sent: float
    ) -> None:
        self.sent = sent
        self._consent = consent
        self._waiting = waiting

    def response_received(self, message: stun.Message, _address: tuple[str, int]) -> None:
        if self._consent.answered(message, self.sent):
            self._waiting.pop(message.transaction_id, None)


def replace_checks(ice: Connection) -> None:
    """Keep aioice from checking by itself; it asks for that when it has connected."""
    ice.query_consent = _leave_it_to_us  # type: ignore[method-assign]


async def _leave_it_to_us() -> None:
    """Take the place of aioice's checks."""

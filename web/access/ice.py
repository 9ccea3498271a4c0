"""STUN and TURN servers for a client, with TURN credentials for its session.

The operator's TURN server shares a secret with the service and verifies a credential by computing
it again: no credentials are stored, and none of them lasts long.
"""

import base64
import hashlib
import hmac

from rtc.ice_servers import IceServer
from web.config import Settings


def mint(secret: str, *, session: str, expires: int) -> tuple[str, str]:
    """Return the TURN username and credential of `session`, valid until Unix time `expires`.

    Raises:
        ValueError: `session` is empty or contains a colon, the separator of the username.

    Source: draft-uberti-behave-turn-rest-00, section 2.2; coturn's use-auth-secret.
    """
    if not session or ":" in session:
        raise ValueError(f"expected an id without a colon, got {session!r}")
    username = f"{expires}:{session}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()


def ice_servers(settings: Settings, *, session: str, expires: int) -> list[IceServer]:
    """Return the servers in `settings`, with credentials for `session`; the default is none.

    `session` is the id of a session, or of who may open one. `expires` is Unix time in seconds:
    the TURN server compares it with its clock.
    """
    servers = []
    if settings.stun_urls:
        servers.append(IceServer(settings.stun_urls))
    if settings.turn_urls and settings.turn_secret is not None:
        username, credential = mint(
            settings.turn_secret.get_secret_value(),
            session=session,
            expires=expires,
        )
        servers.append(IceServer(settings.turn_urls, username, credential))
    return servers

"""Certificates of any kind that WebRTC peers show, with stock aiortc as the other side."""

import asyncio
from dataclasses import dataclass

import pytest
from aiortc import RTCSessionDescription
from aiortc.rtcdtlstransport import RTCCertificate, SRTPProtectionProfile
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from OpenSSL import SSL

from media.clock import LiveClock
from rtc.peer import Peer
from tests.patience import PATIENCE
from tests.rtc.client import Client, connected, create_client, create_offer
from tests.rtc.self_signed import self_signed


@dataclass
class Key:
    """A key that a peer may have; `setup` is its DTLS role in the offer."""

    name: str
    setup: str

    def create(self) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
        if self.name == "rsa":
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)
        curves = {curve.name: curve for curve in (ec.SECP256R1(), ec.SECP384R1())}
        return ec.generate_private_key(curves[self.name])


class PeerCertificate(RTCCertificate):
    """A certificate with ciphers for its own kind of key alone, as DTLS servers choose them."""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        if isinstance(self._cert.public_key(), rsa.RSAPublicKey):
            # As a client it may prove itself with RSA; our certificate is ECDSA.
            context.set_cipher_list(b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256")
        return context


def certificate(key: Key) -> PeerCertificate:
    private = key.create()
    return PeerCertificate(private, self_signed(private))  # type: ignore[arg-type]


async def client_with(key: Key) -> tuple[Client, str]:
    """Return a client with a certificate of this kind, and its offer."""
    client = create_client(label="oai-events")
    transport = client.transport
    vars(transport)["_RTCDtlsTransport__local_certificate"] = certificate(key)
    offer = await create_offer(client)
    if key.setup != "actpass":
        transport._set_role("client" if key.setup == "active" else "server")
    return client, offer.replace("a=setup:actpass", f"a=setup:{key.setup}")


@pytest.mark.parametrize("setup", ["actpass", "active", "passive"])
@pytest.mark.parametrize("name", ["secp256r1", "secp384r1", "rsa"])
async def test_a_peer_connects_with_any_usual_key_in_either_role(name: str, setup: str) -> None:
    client, offer = await client_with(Key(name, setup))
    async with connected(client, offer=offer) as peer:
        assert peer.connected.is_set()
        assert client.transport._role == ("client" if setup == "active" else "server")


async def test_a_certificate_that_was_not_offered_is_told_as_the_reason() -> None:
    key = Key("secp256r1", "passive")
    client, offer = await client_with(key)
    vars(client.transport)["_RTCDtlsTransport__local_certificate"] = certificate(key)
    peer = await Peer.accept(offer, clock=LiveClock())
    await client.connection.setRemoteDescription(RTCSessionDescription(peer.answer_sdp, "answer"))
    async with asyncio.timeout(PATIENCE):
        await peer.closed.wait()
    assert "not that of its offer" in peer.end_reason
    await client.connection.close()

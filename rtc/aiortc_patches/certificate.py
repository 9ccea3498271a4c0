"""The certificate of one connection, and the DTLS that is accepted with it.

aiortc agrees on ECDHE-ECDSA alone, so it has no cipher in common with a DTLS server whose
certificate is RSA: GStreamer's, or a browser's that was asked for one.
"""

from aiortc import RTCDtlsTransport, RTCPeerConnection
from aiortc.rtcdtlstransport import RTCCertificate, SRTPProtectionProfile
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from OpenSSL.crypto import X509

# Forward secrecy always, as RFC 8827 asks in section 6.5; authenticated encryption first.
CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in (
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
        "CHACHA20-POLY1305",
        "AES128-SHA",
        "AES256-SHA",
    )
    for key in ("ECDSA", "RSA")
)
CURVES = ("secp256r1", "secp384r1", "secp521r1")  # of certificates that OpenSSL 4 takes in TLS


class Certificate(RTCCertificate):
    """An ECDSA certificate on P-256, with which the peer's may be ECDSA or RSA.

    `peer` is what the peer showed in the handshake, None before.
    """

    peer: x509.Certificate | None = None

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(CIPHERS.encode())
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._accept)
        return context

    def _accept(
        self, connection: SSL.Connection, certificate: X509, error: int, depth: int, ok: int
    ) -> bool:
        """Accept any chain: aiortc compares the fingerprint with the offer's afterwards."""
        if depth == 0:
            self.peer = certificate.to_cryptography()
        return True


def use_certificate(connection: RTCPeerConnection) -> None:
    """Give `connection` a new certificate; call before it has transports."""
    private = vars(connection)
    if "_RTCPeerConnection__certificates" not in private:
        raise TypeError("expected aiortc 1.16: its connection has no certificates")
    private["_RTCPeerConnection__certificates"] = [Certificate.generateCertificate()]


def handshake_failure(transport: RTCDtlsTransport) -> str:
    """Describe why the handshake of `transport` failed; it has a certificate of this module."""
    peer = vars(transport)["_RTCDtlsTransport__local_certificate"].peer
    if peer is None:
        return "the DTLS handshake with the client failed"
    key = peer.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in CURVES:
        return (
            f"the client's DTLS certificate has an ECDSA key on {key.curve.name},"
            " expected P-256, P-384 or P-521, or RSA"
        )
    return "the client's DTLS certificate is not that of its offer, or the handshake failed"

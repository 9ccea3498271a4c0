"""What a client offers and what is answered: SDP, codecs and DTLS."""

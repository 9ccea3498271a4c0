"""Errors of peer connections."""


class RtcError(Exception):
    """Base of the errors of peer connections.

    RtcError
    +- BadOfferError      the client's SDP offer cannot be answered; the message tells it why
    +- PeerClosedError    the peer has left, or was closed here
    +- MessageError       a message cannot be sent over the data channel
    """


class BadOfferError(RtcError):
    """The offer is not SDP, or asks for something that this end cannot do."""


class PeerClosedError(RtcError):
    """The connection is over."""


class MessageError(RtcError):
    """The message is too long, there is no data channel, or the client does not keep up."""

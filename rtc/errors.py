"""Errors of peer connections."""


class RtcError(Exception):
    """Base of the errors of peer connections.

    RtcError
    +- BadOfferError      the SDP offer of the client cannot be answered; the message says why
    +- PeerClosedError    the peer left, or was closed here
    +- MessageError       a message cannot be sent over the data channel
       +- PeerSilentError the peer is silent: the message can be sent once it is heard again
    +- PathError          ICE cannot be restarted; the message says why
    +- EncoderError       a frame cannot be encoded
    """


class BadOfferError(RtcError):
    """The offer is not valid SDP, or asks for something that is not supported."""


class PeerClosedError(RtcError):
    """The connection is over."""


class MessageError(RtcError):
    """The message is too long, there is no data channel, or the client does not keep up."""


class EncoderError(RtcError):
    """The encoder does not take the frame; the message says which."""


class PathError(RtcError):
    """ICE cannot be restarted, so the connection keeps its path."""


class PeerSilentError(MessageError):
    """The peer is silent: it may be gone, or its network."""

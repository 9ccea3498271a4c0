"""Reception of RTP in place of aiortc's `RTCRtpReceiver`.

A `Receiver` has what audio and video share: statistics, reports to the sender, retransmission
streams, the choice of a simulcast layer, and one task for everything that is due at a time. What
it does with the packets of its kind is up to a `Stream` (`streams`), which decides when a packet is
requested again, and delivers what is decoded. `Link` has what the receivers of one connection
share; its listeners see each packet that arrives, as transport-wide feedback needs it.
"""

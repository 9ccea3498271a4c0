"""Workarounds for limitations of aiortc 1.16, applied to one connection at a time.

The library itself is not patched: each function changes objects of one connection, between its
offer and its answer. They use private attributes, so they are all in this folder, and the project
requires aiortc below 1.17.

| limitation of aiortc | workaround |
|---|---|
| the queue of a decoder thread is unbounded | `decoder_queues.bound_decoder_queue` |
| a malformed REMB, SCTP or SDES packet ends the session | `datagrams.tolerate_malformed` |
| 127.0.0.1 is never offered | `gathering.offer_loopback` |
| a lost peer is noticed only after 30 s | `datagrams.count_datagrams`, `consent` |
| statistics of a retransmission stream hide the media stream | `statistics.receptions` |
"""

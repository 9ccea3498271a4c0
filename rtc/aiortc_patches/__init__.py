"""Workarounds for limitations of aiortc 1.16, applied to one connection at a time.

The library itself is not patched: each function changes objects of one connection, between its
offer and its answer. They use private attributes, so they are all in this folder, and the project
requires aiortc below 1.17.

| limitation of aiortc and aioice | workaround in |
|---|---|
| any datagram reaches parsers, and what raises there ends the connection | `datagrams` |
| only certificates with an ECDSA key are accepted | `certificate` |
| answers to consent checks that take more than 0.5 s count as none | `ice.consent` |
| ICE cannot be restarted | `ice.path` |
| a silent STUN server delays each answer by 5 s; 127.0.0.1 is never offered | `ice.gathering` |
| few forms of H.264 are agreed on, and payload types below 96 renumbered | `transceivers` |
| a peer may open streams, skip ahead and acknowledge without limit | `data_channels` |
| how a picture is turned is not read | `orientation` |
| a connection whose tasks have failed cannot be closed | `closing` |
| statistics of a retransmission stream hide the media stream | `statistics` |

`guards` applies them, and `version` checks that aiortc has what they use. Receivers are our own
(`rtc.receiving`): `transceivers` puts them in the place of aiortc's.
"""

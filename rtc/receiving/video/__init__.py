"""Incoming video: from RTP packets to frames that a decoder can take, and to pictures.

`packet` says what a packet is to the buffer; `vp8` and `h264` read it from payloads. `assembly`
puts frames together, `references` knows which can be decoded, `requests` what is asked of the
sender, and `buffer` decides. All of them are without I/O, and the time is an argument; `stream`
gives them the packets of a receiver and a decoder.
"""

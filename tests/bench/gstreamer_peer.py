"""Calls with GStreamer's webrtcbin, which has an RSA certificate and DTLS of its own.

By hand, with the system's Python, as GStreamer's bindings are packages of the system:

    apt-get install gstreamer1.0-plugins-bad gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly \
        gstreamer1.0-nice gir1.2-gst-plugins-bad-1.0 python3-gst-1.0
    /usr/bin/python3 tests/bench/gstreamer_peer.py URL [vp8|h264|vp9] [--offer FILE]

URL takes offers: `http://localhost:7860/whip`, or that of `tests.bench.bench_peers`. Publishes for
five seconds; prints the state of the connection, and fails if it was never connected.
"""

import sys
import urllib.request
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

SECONDS = 5
VIDEO = {
    "vp8": ("vp8enc deadline=1 ! rtpvp8pay", "VP8"),
    "vp9": ("vp9enc deadline=1 cpu-used=8 ! rtpvp9pay", "VP9"),
    "h264": (
        "x264enc bitrate=500 ! video/x-h264,profile=high ! rtph264pay config-interval=1",
        "H264",
    ),
}


def applied(promise: Gst.Promise, *_: object) -> None:
    """Print why the answer was not taken, if it was not."""
    reply = promise.get_reply()
    if reply is not None and reply.has_field("error"):
        print(reply.to_string(), flush=True)


class Publisher:
    def __init__(self, url: str, codec: str, offer_file: str | None) -> None:
        encoder, name = VIDEO[codec]
        self.url = url
        self.offer_file = offer_file
        self.states: list[str] = []
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.parse_launch(
            "webrtcbin name=peer bundle-policy=max-bundle"
            " audiotestsrc is-live=true ! opusenc ! rtpopuspay pt=97"
            " ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! peer."
            f" videotestsrc is-live=true ! video/x-raw,width=640,height=360,framerate=25/1"
            f" ! videoconvert ! {encoder} pt=96"
            f" ! application/x-rtp,media=video,encoding-name={name},payload=96 ! peer."
        )
        self.peer = self.pipeline.get_by_name("peer")
        self.peer.connect("on-negotiation-needed", self.negotiate)
        self.peer.connect("notify::ice-gathering-state", self.send_offer)
        self.peer.connect("notify::connection-state", self.follow)

    def negotiate(self, peer: Gst.Element) -> None:
        def created(promise: Gst.Promise, *_: object) -> None:
            reply = promise.get_reply()  # owns the offer
            peer.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

        peer.emit("create-offer", None, Gst.Promise.new_with_change_func(created, None, None))

    def send_offer(self, peer: Gst.Element, _: object) -> None:
        if peer.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            return
        offer = peer.get_property("local-description").sdp.as_text()
        if self.offer_file is not None:
            Path(self.offer_file).write_text(offer.replace("\r", ""), encoding="utf-8")
        request = urllib.request.Request(
            self.url, offer.encode(), {"Content-Type": "application/sdp"}
        )
        with urllib.request.urlopen(request) as response:
            text = response.read()
        _, message = GstSdp.SDPMessage.new()
        GstSdp.sdp_message_parse_buffer(text, message)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        peer.emit("set-remote-description", answer, Gst.Promise.new_with_change_func(applied, None))

    def follow(self, peer: Gst.Element, _: object) -> None:
        self.states.append(peer.get_property("connection-state").value_nick)
        print(self.states[-1], flush=True)

    def run(self) -> bool:
        self.pipeline.set_state(Gst.State.PLAYING)
        GLib.timeout_add_seconds(SECONDS, self.loop.quit)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        return "connected" in self.states


if __name__ == "__main__":
    Gst.init(None)
    url, codec = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else "vp8")
    saved = sys.argv[4] if sys.argv[3:4] == ["--offer"] else None
    sys.exit(0 if Publisher(url, codec, saved).run() else "it was never connected")

"""Transports of the Realtime protocol: WebSocket, WebRTC calls, WHIP."""

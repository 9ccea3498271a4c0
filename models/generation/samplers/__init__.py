"""Streaming samplers: MotionStream, Rolling Forcing, StreamDiT."""

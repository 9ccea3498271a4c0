"""Encodes video and makes payloads of it: H.264 and VP8, at bitrates and regions that change."""

"""WebRTC over HTTP: offers and answers of calls, publishers and viewers."""

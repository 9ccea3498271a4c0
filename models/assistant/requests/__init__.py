"""Standing requests: "tell me when someone comes in"."""

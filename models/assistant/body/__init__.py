"""Bodies and hands in a session: what people do, over time, and answers about it."""

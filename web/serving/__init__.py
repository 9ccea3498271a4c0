"""The HTTP server: connections with limits in number and time, and its log."""

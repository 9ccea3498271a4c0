"""What enters and leaves a session: typed events, one module a subject."""

"""Questions about video: what a stream has shown, kept so that it can be asked about."""

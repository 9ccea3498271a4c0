"""What an operator needs: metrics, readiness, an orderly end, and log lines by session."""

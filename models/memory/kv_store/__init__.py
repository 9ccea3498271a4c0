"""Where keys and values lie: RAM, then disk."""

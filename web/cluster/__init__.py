"""Several machines as one service, on Ray: who has which session, and how sessions move."""

"""What a session leaves: what was said, asked, answered and remembered in it, and recordings."""

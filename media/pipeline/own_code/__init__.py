"""Functions of the user's in a session: one that answers, and one that changes frames."""

"""The connections of a session's client, one after another, over which the session goes on."""

"""A folder of exported and compiled networks."""

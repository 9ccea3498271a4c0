"""Requests that reach one edge of a cluster and are for another."""

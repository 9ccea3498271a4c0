"""Weights: catalog, fetching, verification. Only here do models use network and processes."""

"""Catalog, download and verification of weights: the only network and processes in models."""

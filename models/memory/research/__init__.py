"""Eviction policies and measurements of retrieval that no setting selects: for benchmarks."""

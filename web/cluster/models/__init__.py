"""Models that workers of a cluster compute, behind the handles that sessions have."""
